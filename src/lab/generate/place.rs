//! Gives a cast its places: the largest first, apart from each other, a touched thing beside its person.

use super::cast::Cast;
use crate::lab::layout::{Bounds, anywhere, beside, extent, overlap, remove};
use crate::lab::scene::{Kind, Object, SIDE, Size};
use rand::Rng;

/// How often a place is looked for before things shrink or go.
const TRIES: usize = 40;

/// Places every thing, or leaves out what finds no room.
pub(super) fn place(cast: Cast, difficulty: u8, rng: &mut impl Rng) -> Vec<Object> {
    let mut objects = cast.objects;
    for _ in 0..6 {
        if arrange(&mut objects, difficulty, rng) {
            break;
        }
        make_room(&mut objects);
    }
    if difficulty >= 2 {
        bring_small_ones_forward(&mut objects);
    }
    objects
}

/// Finds places for all, or says that there are none.
pub(in crate::lab) fn arrange(objects: &mut [Object], difficulty: u8, rng: &mut impl Rng) -> bool {
    let (allowed, gap) = if difficulty < 2 { (0.0, 2.5) } else { (0.2, 0.0) };
    let mut order: Vec<usize> = (0..objects.len()).collect();
    // Who touches something takes it along, so they come first; then the largest.
    let need = |index: usize| {
        (
            touched(&objects[index]).is_some(),
            Bounds::of(&objects[index]).area(),
        )
    };
    order.sort_by(|&one, &other| {
        let (one, other) = (need(one), need(other));
        other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
    });
    let mut taken: Vec<(usize, Bounds)> = Vec::with_capacity(objects.len());
    for index in order {
        if taken.iter().any(|&(each, _)| each == index) {
            continue;
        }
        let touched = touched(&objects[index]).filter(|other| taken.iter().all(|(each, _)| each != other));
        let found = (0..TRIES).any(|_| {
            let (x, y) = anywhere(extent(&objects[index]), rng);
            (objects[index].x, objects[index].y) = (x, y);
            let mut wanted = vec![(index, Bounds::of(&objects[index]))];
            if let Some(other) = touched {
                let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
                let (x, y) = beside(&objects[index], extent(&objects[other]), side);
                (objects[other].x, objects[other].y) =
                    (if side > 0.0 { x.ceil() } else { x.floor() }, y.round());
                let bounds = Bounds::of(&objects[other]);
                let frame = SIDE as f32 - 2.0;
                if bounds.left < 2.0 || bounds.right > frame || bounds.top < 2.0 || bounds.bottom > frame {
                    return false;
                }
                wanted.push((other, bounds));
            }
            let free = wanted.iter().all(|(_, bounds)| {
                taken
                    .iter()
                    .all(|(_, other)| overlap(&bounds.grown(gap), other) <= allowed)
            });
            if free {
                taken.extend(wanted);
            }
            free
        });
        if !found {
            return false;
        }
    }
    true
}

/// What a person touches.
fn touched(object: &Object) -> Option<usize> {
    match &object.kind {
        Kind::Person(person) => person.touches,
        _ => None,
    }
}

/// Shrinks the largest shape; where all are small, lets the last shape that nobody touches go.
fn make_room(objects: &mut Vec<Object>) {
    let largest = objects
        .iter_mut()
        .max_by_key(|object| object.size)
        .expect("a scene has things");
    if largest.size == Size::Large {
        largest.size = Size::Medium;
        return;
    }
    let touched: Vec<usize> = objects.iter().filter_map(touched).collect();
    let spare =
        (0..objects.len()).rfind(|at| matches!(objects[*at].kind, Kind::Shape(_)) && !touched.contains(at));
    if let Some(spare) = spare {
        remove(objects, spare);
    }
}

fn bring_small_ones_forward(objects: &mut Vec<Object>) {
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by(|&one, &other| objects[other].size.cmp(&objects[one].size));
    let mut sorted: Vec<Object> = order.iter().map(|&at| objects[at].clone()).collect();
    for object in &mut sorted {
        if let Kind::Person(person) = &mut object.kind {
            person.touches = person
                .touches
                .and_then(|old| order.iter().position(|&at| at == old));
        }
    }
    *objects = sorted;
}
