//! Text to tokens: lower case, without punctuation, one word for words that mean the same here.

use super::Unanswerable;

/// Longer texts are refused: no question about a scene needs more.
const LONGEST_TEXT: usize = 400;
/// Bounds how deep phrases can nest.
const MOST_TOKENS: usize = 60;

/// A word as the grammar sees it and as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Singular, and one word for all synonyms.
    pub(super) word: String,
    /// Lower case, otherwise as written.
    pub(super) written: String,
}

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Unanswerable> {
    if text.len() > LONGEST_TEXT {
        return Err(Unanswerable::Nonsense(format!(
            "the text is longer than {LONGEST_TEXT} bytes"
        )));
    }
    let lower = text.to_lowercase().replace('’', "'");
    let mut written: Vec<String> = vec![];
    for chunk in lower.split(|c: char| c.is_whitespace() || "?!.,;\"()-".contains(c)) {
        let chunk = chunk.trim_matches([':', '\'']);
        let (stem, ending) = chunk
            .split_once("'s")
            .map_or((chunk, ""), |(stem, _)| (stem, "'s"));
        written.extend(
            [stem, ending]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
    }
    if written.is_empty() {
        return Err(Unanswerable::Nonsense("the text has no words".to_owned()));
    }
    if written.len() > MOST_TOKENS {
        return Err(Unanswerable::Nonsense(format!(
            "the text has more than {MOST_TOKENS} words"
        )));
    }
    let mut tokens: Vec<Token> = vec![];
    for word in written {
        // "what's" is "what is"; "the person's" keeps its ending.
        let asks = tokens
            .last()
            .is_some_and(|last| ["what", "who", "there", "it"].contains(&last.word.as_str()));
        let canonical = if word == "'s" && asks {
            "is"
        } else {
            canonical(&word)
        };
        tokens.push(Token {
            word: canonical.to_owned(),
            written: word,
        });
    }
    Ok(frames_as_here(tokens))
}

/// "in the image" says nothing that "here" does not.
fn frames_as_here(tokens: Vec<Token>) -> Vec<Token> {
    let mut shorter: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let last: Vec<&str> = shorter
            .iter()
            .rev()
            .take(2)
            .map(|each| each.word.as_str())
            .collect();
        if token.word == "image" && matches!(last[..], ["the" | "this", "in"]) {
            shorter.truncate(shorter.len() - 2);
            shorter.push(Token {
                word: "here".to_owned(),
                written: "here".to_owned(),
            });
        } else {
            shorter.push(token);
        }
    }
    shorter
}

/// The one word for all words of its meaning; plural nouns become singular.
fn canonical(word: &str) -> &str {
    match word {
        "colour" | "colored" | "coloured" | "colors" | "colours" => "color",
        "bigger" | "greater" => "larger",
        "biggest" | "greatest" => "largest",
        "big" | "huge" => "large",
        "littler" => "smaller",
        "littlest" | "tiniest" => "smallest",
        "picture" | "photo" | "scene" | "drawing" => "image",
        "object" | "objects" | "things" | "item" | "items" => "thing",
        "shapes" => "shape",
        "people" | "persons" | "man" | "woman" | "human" | "men" | "women" => "person",
        "texture" | "pattern" | "material" | "surfaces" => "surface",
        "wooden" => "wood",
        "bricks" => "brick",
        "metallic" => "metal",
        "stripy" => "striped",
        "spotted" => "dotted",
        "checked" | "checkerboard" => "checkered",
        "are" | "was" | "were" => "is",
        "do" => "does",
        "an" => "a",
        "someone" | "anybody" | "somebody" => "anyone",
        "something" => "anything",
        "hold" | "holds" | "carrying" | "carries" | "carry" => "holding",
        "wear" | "wears" => "wearing",
        "touch" | "touches" => "touching",
        "show" | "shows" | "say" | "says" | "showing" | "read" | "reads" | "reading" => "saying",
        "mean" | "means" | "indicates" => "meaning",
        "belongs" => "belong",
        "feel" | "feels" => "feeling",
        "looks" => "look",
        "run" | "runs" => "running",
        "sit" | "sits" => "sitting",
        "stand" | "stands" => "standing",
        "jump" | "jumps" => "jumping",
        "wave" | "waves" => "waving",
        "lie" | "lies" => "lying",
        "uppermost" | "highest" => "topmost",
        "bottommost" => "lowest",
        "over" => "above",
        "under" | "beneath" | "underneath" => "below",
        "rain" | "raining" => "rainy",
        "snow" | "snowing" => "snowy",
        "daytime" => "day",
        "nighttime" => "night",
        "japanese" => "japan",
        "french" => "france",
        "italian" => "italy",
        "german" => "germany",
        "polish" => "poland",
        "ukrainian" => "ukraine",
        "swedish" => "sweden",
        "swiss" => "switzerland",
        "crosses" => "cross",
        "scarves" => "scarf",
        "halves" => "half",
        "sides" => "side",
        plural => match plural.strip_suffix('s') {
            Some(singular) if super::phrase::is_noun(singular) => singular,
            _ => plural,
        },
    }
}
