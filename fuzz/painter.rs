//! Any text as an instruction or a caption: another scene that can be drawn and described, or the reason why not.
#![no_main]

use auditdm::lab::generate::World;
use auditdm::lab::{paint, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|instruction: (u8, &str)| {
    let (index, text) = instruction;
    let scene = World::new(1).scene(u64::from(index));
    for drawn in [paint::edit(&scene, text, 1), paint::generate(text, 1)].into_iter().flatten() {
        assert!(drawn.objects.len() <= paint::MOST_OBJECTS);
        let _ = render::render(&drawn);
        assert!(!paint::caption(&drawn).is_empty());
    }
});
