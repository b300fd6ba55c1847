//! Referring phrases: "the small red star", and what they mean in a scene.
