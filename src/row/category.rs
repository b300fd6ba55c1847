//! The fifteen categories of weaknesses that the paper found most frequent.

use serde::{Deserialize, Serialize};

/// What a question asks of a model's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Category {
    WorldKnowledge,
    ClockReading,
    SizeComparison,
    ActionRecognition,
    SignUnderstanding,
    SmallTextRecognition,
    MaterialRecognition,
    DistractionAvoidance,
    ObjectRelationship,
    SmallObjectDetection,
    SpatialRelationship,
    Atmosphere,
    ColorRecognition,
    Counting,
    HallucinationAvoidance,
}

impl Category {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 15] = [
        Self::WorldKnowledge,
        Self::ClockReading,
        Self::SizeComparison,
        Self::ActionRecognition,
        Self::SignUnderstanding,
        Self::SmallTextRecognition,
        Self::MaterialRecognition,
        Self::DistractionAvoidance,
        Self::ObjectRelationship,
        Self::SmallObjectDetection,
        Self::SpatialRelationship,
        Self::Atmosphere,
        Self::ColorRecognition,
        Self::Counting,
        Self::HallucinationAvoidance,
    ];

    /// The name in tables and configurations, e.g. `clock_reading`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorldKnowledge => "world_knowledge",
            Self::ClockReading => "clock_reading",
            Self::SizeComparison => "size_comparison",
            Self::ActionRecognition => "action_recognition",
            Self::SignUnderstanding => "sign_understanding",
            Self::SmallTextRecognition => "small_text_recognition",
            Self::MaterialRecognition => "material_recognition",
            Self::DistractionAvoidance => "distraction_avoidance",
            Self::ObjectRelationship => "object_relationship",
            Self::SmallObjectDetection => "small_object_detection",
            Self::SpatialRelationship => "spatial_relationship",
            Self::Atmosphere => "atmosphere",
            Self::ColorRecognition => "color_recognition",
            Self::Counting => "counting",
            Self::HallucinationAvoidance => "hallucination_avoidance",
        }
    }

    /// The category with that name, spelled with spaces, hyphens or underscores.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace([' ', '-'], "_");
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}
