//! Posed figures, in units of a fortieth of their height: head and shoulders up, feet at 20.

use super::canvas::{Canvas, DARK, Rgb, WHITE, curve, ellipse, line, polygon, rect};
use super::surface::{outline, rgb};
use crate::lab::scene::{Action, Emotion, Garment, Item, Object, Person};

/// How many units high a person is.
pub(super) const HEIGHT: f32 = 40.0;
const SKIN: Rgb = [250, 205, 165];
const TROUSERS: Rgb = [112, 138, 184];
const SHOES: Rgb = [104, 62, 38];
const HAIR: Rgb = [92, 60, 36];
const HEAD: f32 = 7.2;

type Point = (f32, f32);

/// Where the parts of a pose lie; the free hand is on the left, the holding one on the right.
struct Pose {
    head: Point,
    neck: Point,
    hips: Point,
    free_hand: [Point; 2],
    full_hand: [Point; 2],
    legs: [[Point; 2]; 2],
}

fn pose(action: Action) -> Pose {
    let upright = Pose {
        head: (0.0, -9.5),
        neck: (0.0, -1.5),
        hips: (0.0, 9.0),
        free_hand: [(-6.5, 3.0), (-7.5, 8.5)],
        full_hand: [(6.5, 3.0), (9.5, 3.5)],
        legs: [[(-2.5, 13.0), (-2.5, 18.5)], [(2.5, 13.0), (2.5, 18.5)]],
    };
    match action {
        Action::Standing => upright,
        Action::Waving => Pose {
            free_hand: [(-9.0, 0.0), (-10.5, -8.0)],
            ..upright
        },
        Action::Running => Pose {
            hips: (0.0, 8.0),
            free_hand: [(-8.0, 2.0), (-11.0, -2.0)],
            legs: [[(-6.0, 12.0), (-12.5, 11.5)], [(6.5, 10.0), (8.0, 18.0)]],
            ..upright
        },
        Action::Jumping => Pose {
            head: (0.0, -10.0),
            neck: (0.0, -3.0),
            hips: (0.0, 5.5),
            free_hand: [(-8.0, -5.0), (-11.5, -11.5)],
            full_hand: [(7.0, -2.0), (10.5, -4.5)],
            legs: [[(-7.0, 7.5), (-6.0, 13.0)], [(7.0, 7.5), (6.0, 13.0)]],
        },
        Action::Sitting => Pose {
            head: (-1.5, -7.5),
            neck: (-1.5, 0.5),
            hips: (-1.5, 9.5),
            free_hand: [(-7.0, 4.5), (-8.5, 9.0)],
            full_hand: [(5.0, 4.0), (9.0, 3.5)],
            legs: [[(5.5, 10.0), (5.5, 18.0)], [(8.5, 10.0), (8.5, 18.0)]],
        },
        Action::Lying => Pose {
            head: (-11.0, -1.0),
            neck: (-4.0, 2.0),
            hips: (6.0, 3.0),
            free_hand: [(-2.0, 6.5), (3.0, 7.0)],
            full_hand: [(1.0, -2.0), (4.0, -4.5)],
            legs: [[(12.0, 2.0), (18.5, 2.0)], [(12.0, 4.8), (18.5, 4.8)]],
        },
    }
}

/// Draws a person. `reach` is the point that the free hand touches, in units, on the left.
pub(super) fn draw(canvas: &mut Canvas, object: &Object, person: &Person, reach: Option<Point>) {
    let pose = pose(person.action);
    let shirt = rgb(object.color);
    ground(canvas, person.action);
    for leg in pose.legs {
        let points = [pose.hips, leg[0], leg[1]];
        let side = if person.action == Action::Sitting || person.action == Action::Lying {
            0.0
        } else {
            leg[0].0.signum() * 2.0
        };
        let start = (points[0].0 + side, points[0].1);
        canvas.line(&[start, points[1], points[2]], DARK, 4.8);
        canvas.line(&[start, points[1], points[2]], TROUSERS, 3.4);
        canvas.circle(points[2].0, points[2].1, 2.3, SHOES);
    }
    if person.holds == Some(Item::Umbrella) || person.holds == Some(Item::Balloon) {
        held(canvas, person, pose.full_hand[1]);
    }
    let (neck, hips) = (pose.neck, pose.hips);
    canvas.line(&[neck, hips], outline(object.color), 10.6);
    canvas.line(&[neck, hips], shirt, 9.0);
    let shoulder = |side: f32| {
        if person.action == Action::Lying {
            (neck.0 + 2.0, neck.1 + side * -2.0)
        } else {
            (neck.0 + side * 4.0, neck.1 + 0.5)
        }
    };
    let free = reach.map_or(pose.free_hand, |point| {
        [((point.0 - 4.0) / 2.0, f32::midpoint(point.1, neck.1)), point]
    });
    for (start, [elbow, hand]) in [(shoulder(-1.0), free), (shoulder(1.0), pose.full_hand)] {
        canvas.line(&[start, elbow, hand], outline(object.color), 4.4);
        canvas.line(&[start, elbow, hand], shirt, 3.0);
        canvas.circle(hand.0, hand.1, 2.2, SKIN);
    }
    if person.action == Action::Waving {
        let hand = free[1];
        for (from, bend) in [(3.2, -1.0), (5.2, -1.6)] {
            let arc = curve(
                (hand.0 - 1.5, hand.1 - from),
                (hand.0 + 1.0 - bend, hand.1 - from - 0.8),
                (hand.0 + 4.5, hand.1 - from + 2.5),
            );
            canvas.stroke(&arc, DARK, 1.0);
        }
    }
    head(canvas, pose.head, person.emotion);
    if let Some(garment) = person.wears {
        worn(canvas, garment, pose.head, neck);
    }
    if matches!(person.holds, Some(Item::Ball | Item::Book)) {
        held(canvas, person, pose.full_hand[1]);
    }
}

/// What tells the action apart: chair, bed, shadow, speed lines.
fn ground(canvas: &mut Canvas, action: Action) {
    const BROWN: Rgb = [120, 74, 36];
    match action {
        Action::Sitting => {
            canvas.line(&[(-8.5, -1.0), (-8.5, 19.0)], BROWN, 2.2);
            canvas.line(&[(-8.5, 12.5), (4.0, 12.5)], BROWN, 2.6);
            canvas.line(&[(2.5, 12.5), (2.5, 19.0)], BROWN, 2.2);
        }
        Action::Lying => {
            canvas.rect(-19.0, 8.0, 19.5, 11.0, BROWN);
            canvas.rect(-18.5, 11.0, -16.0, 13.5, BROWN);
            canvas.rect(16.5, 11.0, 19.0, 13.5, BROWN);
        }
        Action::Jumping => canvas.fill(&ellipse(0.0, 18.6, 9.0, 1.3), [70, 70, 74]),
        Action::Running => {
            for (y, length) in [(4.5, 4.0), (8.0, 3.0)] {
                canvas.line(&[(-13.5, y), (-13.5 + length, y)], [70, 70, 74], 1.1);
            }
        }
        Action::Standing | Action::Waving => {}
    }
}

fn head(canvas: &mut Canvas, (x, y): Point, emotion: Emotion) {
    let face = if emotion == Emotion::Angry {
        [244, 140, 110]
    } else {
        SKIN
    };
    canvas.circle(x, y, HEAD + 0.7, DARK);
    canvas.circle(x, y, HEAD, HAIR);
    canvas.fill(&ellipse(x, y + 1.2, HEAD - 0.5, HEAD - 1.3), face);
    let eye = if emotion == Emotion::Surprised { 1.5 } else { 1.1 };
    for side in [-1.0, 1.0] {
        canvas.circle(x + side * 2.7, y - 0.2, eye, DARK);
        if emotion == Emotion::Surprised {
            canvas.circle(x + side * 2.7, y - 0.2, 0.7, WHITE);
        }
        if emotion == Emotion::Angry {
            canvas.line(&[(x + side * 4.6, y - 3.6), (x + side * 1.0, y - 1.6)], DARK, 1.2);
        }
    }
    match emotion {
        Emotion::Happy => {
            let smile = curve((x - 3.6, y + 2.4), (x, y + 8.0), (x + 3.6, y + 2.4));
            canvas.fill(&smile, [170, 30, 40]);
            canvas.stroke(&smile, DARK, 0.8);
        }
        Emotion::Sad => {
            canvas.stroke(
                &curve((x - 3.0, y + 5.2), (x, y + 1.4), (x + 3.0, y + 5.2)),
                DARK,
                1.2,
            );
            canvas.fill(&ellipse(x - 3.8, y + 2.6, 1.2, 1.7), [60, 130, 250]);
        }
        Emotion::Angry => canvas.line(&[(x - 2.6, y + 4.2), (x + 2.6, y + 4.2)], DARK, 1.5),
        Emotion::Surprised => canvas.fill(&ellipse(x, y + 4.0, 1.7, 2.2), [120, 20, 30]),
    }
}

fn worn(canvas: &mut Canvas, garment: Garment, (x, y): Point, neck: Point) {
    match garment {
        Garment::Hat => {
            canvas.rect(x - 8.4, y - 5.6, x + 8.4, y - 3.2, [40, 36, 44]);
            canvas.rect(x - 5.0, y - 10.3, x + 5.0, y - 4.6, [40, 36, 44]);
            canvas.rect(x - 5.0, y - 6.6, x + 5.0, y - 5.2, [235, 235, 235]);
        }
        Garment::Crown => {
            let gold = polygon(&[
                (x - 6.4, y - 3.2),
                (x - 7.2, y - 10.2),
                (x - 3.2, y - 6.8),
                (x, y - 10.3),
                (x + 3.2, y - 6.8),
                (x + 7.2, y - 10.2),
                (x + 6.4, y - 3.2),
            ]);
            canvas.stroke(&gold, [120, 84, 0], 1.2);
            canvas.fill(&gold, [255, 205, 20]);
        }
        Garment::Scarf => {
            let (x, y) = ((x * 0.4 + neck.0 * 0.6), (neck.1 + 0.6).max(y + 6.4));
            canvas.line(&[(x - 4.6, y), (x + 4.6, y)], WHITE, 3.6);
            canvas.line(&[(x - 3.0, y), (x - 3.6, y + 7.5)], WHITE, 3.0);
            for step in 0..3 {
                let at = x - 3.4 + 3.4 * step as f32;
                canvas.line(&[(at, y - 1.2), (at, y + 1.2)], [200, 30, 40], 1.3);
            }
            canvas.line(&[(x - 4.6, y + 4.0), (x - 2.6, y + 4.0)], [200, 30, 40], 1.3);
            canvas.line(&[(x - 4.8, y + 7.0), (x - 2.8, y + 7.0)], [200, 30, 40], 1.3);
        }
        Garment::Tie => {
            let (x, y) = (neck.0, neck.1 + 0.5);
            let tie = polygon(&[
                (x - 1.6, y),
                (x + 1.6, y),
                (x + 0.8, y + 2.0),
                (x + 2.2, y + 8.0),
                (x, y + 10.0),
                (x - 2.2, y + 8.0),
                (x - 0.8, y + 2.0),
            ]);
            canvas.stroke(&tie, WHITE, 1.6);
            canvas.fill(&tie, [24, 24, 60]);
        }
    }
}

fn held(canvas: &mut Canvas, person: &Person, (x, y): Point) {
    match person.holds {
        Some(Item::Ball) => {
            canvas.circle(x + 0.8, y + 0.5, 4.4, DARK);
            canvas.circle(x + 0.8, y + 0.5, 3.7, WHITE);
            canvas.polygon(
                &[
                    (x - 0.6, y - 0.6),
                    (x + 2.2, y - 0.6),
                    (x + 1.6, y + 2.0),
                    (x, y + 2.0),
                ],
                DARK,
            );
        }
        Some(Item::Balloon) => {
            let top = (x + 1.0, (y - 15.5).max(-14.5));
            canvas.stroke(&line(&[(x, y), (top.0, top.1 + 4.0)]), DARK, 0.8);
            canvas.fill(&ellipse(top.0, top.1, 4.1, 5.0), DARK);
            canvas.fill(&ellipse(top.0, top.1, 3.4, 4.3), [60, 210, 220]);
        }
        Some(Item::Umbrella) => {
            let top = (y - 20.0).max(-18.6);
            canvas.line(&[(x, y + 2.0), (x, top + 2.0)], DARK, 1.2);
            let roof = polygon(&[
                (x - 6.5, top + 8.0),
                (x - 4.6, top + 3.0),
                (x, top),
                (x + 4.6, top + 3.0),
                (x + 6.5, top + 8.0),
            ]);
            canvas.stroke(&roof, DARK, 1.4);
            canvas.fill(&roof, [20, 150, 140]);
            canvas.line(&[(x, top + 1.0), (x, top + 7.5)], WHITE, 1.2);
        }
        Some(Item::Book) => {
            canvas.fill(&rect(x - 3.6, y - 4.4, x + 4.2, y + 4.0), DARK);
            canvas.fill(&rect(x - 2.8, y - 3.6, x + 3.4, y + 3.2), WHITE);
            canvas.line(&[(x + 0.3, y - 3.6), (x + 0.3, y + 3.2)], DARK, 0.9);
            for row in [-1.8, 0.0, 1.8] {
                canvas.line(&[(x - 2.0, y + row), (x - 1.0, y + row)], [90, 90, 160], 0.7);
                canvas.line(&[(x + 1.7, y + row), (x + 2.7, y + row)], [90, 90, 160], 0.7);
            }
        }
        None => {}
    }
}
