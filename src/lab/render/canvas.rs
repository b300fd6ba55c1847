//! A layer to draw one object on: anti-aliased paths in the object's own units, centred on the object.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Shader,
    Stroke, Transform,
};

/// Red, green and blue.
pub(super) type Rgb = [u8; 3];

pub(super) const DARK: Rgb = [35, 35, 38];
pub(super) const WHITE: Rgb = [250, 250, 250];

/// A transparent layer of the size of the scene, and where its drawing units lie on it.
pub(super) struct Canvas {
    pub(super) pixmap: Pixmap,
    transform: Transform,
}

impl Canvas {
    pub(super) fn new(side: u32) -> Self {
        Self {
            pixmap: Pixmap::new(side, side).expect("a scene has pixels"),
            transform: Transform::identity(),
        }
    }

    /// Empties the layer and puts the origin at (`x`, `y`), `scale` pixels a unit, mirrored on demand.
    pub(super) fn begin(&mut self, x: f32, y: f32, scale: f32, mirrored: bool) {
        self.pixmap.fill(Color::TRANSPARENT);
        let across = if mirrored { -scale } else { scale };
        self.transform = Transform::from_row(across, 0.0, 0.0, scale, x, y);
    }

    /// Pixels a unit.
    pub(super) fn scale(&self) -> f32 {
        self.transform.sy
    }

    pub(super) fn fill(&mut self, path: &Path, color: Rgb) {
        self.shade(path, solid(color));
    }

    /// Fills with a pattern or gradient in pixels.
    pub(super) fn shade(&mut self, path: &Path, shader: Shader<'_>) {
        let paint = Paint {
            shader,
            anti_alias: true,
            ..Paint::default()
        };
        self.pixmap
            .fill_path(path, &paint, FillRule::Winding, self.transform, None);
    }

    /// A line along the path, `width` units wide, with round ends.
    pub(super) fn stroke(&mut self, path: &Path, color: Rgb, width: f32) {
        let paint = Paint {
            shader: solid(color),
            anti_alias: true,
            ..Paint::default()
        };
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixmap
            .stroke_path(path, &paint, &stroke, self.transform, None);
    }

    pub(super) fn circle(&mut self, x: f32, y: f32, radius: f32, color: Rgb) {
        self.fill(&circle(x, y, radius), color);
    }

    pub(super) fn rect(&mut self, left: f32, top: f32, right: f32, bottom: f32, color: Rgb) {
        self.fill(&rect(left, top, right, bottom), color);
    }

    pub(super) fn polygon(&mut self, points: &[(f32, f32)], color: Rgb) {
        self.fill(&polygon(points), color);
    }

    /// An open line through the points.
    pub(super) fn line(&mut self, points: &[(f32, f32)], color: Rgb, width: f32) {
        self.stroke(&line(points), color, width);
    }

    /// Draws a coverage bitmap (a glyph) whose left upper corner is the pixel (`left`, `top`).
    pub(super) fn stamp(&mut self, left: i32, top: i32, width: usize, coverage: &[u8], color: Rgb) {
        let side = self.pixmap.width() as i32;
        let pixels = self.pixmap.pixels_mut();
        for (at, &alpha) in coverage.iter().enumerate() {
            let (x, y) = (left + (at % width) as i32, top + (at / width) as i32);
            if alpha == 0 || x < 0 || y < 0 || x >= side || y >= side {
                continue;
            }
            let pixel = &mut pixels[(y * side + x) as usize];
            let mix = |over: u8, under: u8| {
                let (over, under, alpha) = (u32::from(over), u32::from(under), u32::from(alpha));
                ((over * alpha + under * (255 - alpha) + 127) / 255) as u8
            };
            let opacity = mix(255, pixel.alpha());
            let [red, green, blue] = [
                mix(color[0], pixel.red()),
                mix(color[1], pixel.green()),
                mix(color[2], pixel.blue()),
            ]
            .map(|channel| channel.min(opacity));
            if let Some(mixed) = PremultipliedColorU8::from_rgba(red, green, blue, opacity) {
                *pixel = mixed;
            }
        }
    }
}

fn solid(color: Rgb) -> Shader<'static> {
    Shader::SolidColor(Color::from_rgba8(color[0], color[1], color[2], 255))
}

pub(super) fn circle(x: f32, y: f32, radius: f32) -> Path {
    PathBuilder::from_circle(x, y, radius.max(0.05)).expect("a circle of positive radius")
}

pub(super) fn ellipse(x: f32, y: f32, across: f32, down: f32) -> Path {
    let frame = Rect::from_ltrb(x - across, y - down, x + across, y + down).expect("positive radii");
    PathBuilder::from_oval(frame).expect("an ellipse of positive radii")
}

pub(super) fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Path {
    PathBuilder::from_rect(
        Rect::from_ltrb(left, top, right, bottom).expect("left of right, top above bottom"),
    )
}

fn trace(points: &[(f32, f32)]) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (at, &(x, y)) in points.iter().enumerate() {
        if at == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path
}

pub(super) fn polygon(points: &[(f32, f32)]) -> Path {
    let mut path = trace(points);
    path.close();
    path.finish().expect("a polygon of at least three points")
}

pub(super) fn line(points: &[(f32, f32)]) -> Path {
    trace(points).finish().expect("a line of at least two points")
}

/// A curve from start to end, pulled to the middle point.
pub(super) fn curve(start: (f32, f32), middle: (f32, f32), end: (f32, f32)) -> Path {
    let mut path = PathBuilder::new();
    path.move_to(start.0, start.1);
    path.quad_to(middle.0, middle.1, end.0, end.1);
    path.finish().expect("a curve between two points")
}

/// A corner of a regular figure: `turn` of a whole turn clockwise from the top.
pub(super) fn around(radius: f32, turn: f32) -> (f32, f32) {
    let angle = turn * std::f32::consts::TAU;
    (radius * angle.sin(), -radius * angle.cos())
}
