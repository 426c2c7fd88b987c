//! Drawings: bars, waits and growth, each an SVG element as text.
//!
//! They are drawn small, so that a phone shows them whole and legible, and
//! without a background: ink is `currentColor`, and the servers' colours can
//! be told from black and from white. Text is set by whoever shows the
//! drawing; no font is needed here.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::units::time_tick;
use crate::failure::{Attempt, Outcome};

/// What is drawn for one server.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    /// The server's number in the report, which decides its colour.
    pub(super) color: usize,
    pub(super) value: f64,
    /// From where to where its rounds went.
    pub(super) range: Option<(f64, f64)>,
    /// The value as text.
    pub(super) text: String,
}

/// How long one server's clients waited, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) name: String,
    pub(super) color: usize,
    /// p50, p99 and p99.9.
    pub(super) waits: [f64; 3],
    /// The same with nobody to disturb.
    pub(super) undisturbed: Option<[f64; 3]>,
}

/// How one server's figure grows.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) color: usize,
    /// Sizes and the figure, in ascending order.
    pub(super) points: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A bar this many times as long as the shortest is not drawn in full, or the
/// others could not be told apart.
const LONGEST: f64 = 8.0;
/// How wide every drawing is, in the units of its text.
pub(super) const WIDTH: u32 = 440;
const ROW: u32 = 24;
/// How wide a letter is, about.
const LETTER: i32 = 7;
/// The SVG backend divides this by 1.24: what is drawn is 13.7.
const TEXT: u32 = 17;
/// Stands for the ink until it is replaced by `currentColor`.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_TEXT: &str = "#010203";

/// Horizontal bars from zero, one below the other. One that is too long for
/// the others to be seen ends early, and `»` says so.
pub(super) fn bars(label: &str, bars: &[Bar]) -> Outcome<String> {
    let values = || bars.iter().map(|bar| bar.value.max(f64::MIN_POSITIVE));
    let most = values().fold(0.0, f64::max).min(LONGEST * values().fold(f64::MAX, f64::min));
    let names = names_width(bars.iter().map(|bar| bar.name.as_str()));
    // The value's text stands behind the longest bar.
    let room = f64::from(WIDTH as i32 - names - 84);
    let at = |value: f64| names + (value / most * room).clamp(0.0, room) as i32;
    draw(label, bars.len() as u32 * ROW + 4, |area| {
        for (row, bar) in bars.iter().enumerate() {
            let top = 4 + row as i32 * ROW as i32;
            let (middle, color) = (top + 8, color(bar.color));
            area.draw(&name(&bar.name, names, middle))?;
            let corners = [(names, top), (at(bar.value), top + 16)];
            area.draw(&Rectangle::new(corners, color.filled()))?;
            let mut end = at(bar.value);
            if let Some((low, high)) = bar.range {
                let ends = [(at(low), middle), (at(high), middle)];
                area.draw(&PathElement::new(ends.to_vec(), INK.stroke_width(1)))?;
                for (x, _) in ends {
                    let tick = vec![(x, middle - 3), (x, middle + 3)];
                    area.draw(&PathElement::new(tick, INK.stroke_width(1)))?;
                }
                end = end.max(ends[1].0);
            }
            let beyond = if bar.value > most { "» " } else { "" };
            let value = format!("{beyond}{}", bar.text);
            area.draw(&text(&value, (end + 5, middle), HPos::Left))?;
        }
        Ok(())
    })
}

/// A line from p50 to p99.9 for each server, on a logarithmic scale.
pub(super) fn waits(label: &str, waits: &[Wait]) -> Outcome<String> {
    let all =
        waits.iter().flat_map(|wait| wait.waits.iter().chain(wait.undisturbed.iter().flatten()));
    let (low, high) = decades(all.copied());
    let names = names_width(waits.iter().map(|wait| wait.name.as_str()));
    let room = f64::from(WIDTH as i32 - names - 36);
    let at = |value: f64| {
        let part = (value.max(low).log10() - low.log10()) / (high.log10() - low.log10());
        names + 8 + (part * room) as i32
    };
    let height = waits.len() as u32 * ROW + 26;
    draw(label, height, |area| {
        let bottom = height as i32 - 20;
        let mut decade = low;
        while decade <= high * 1.01 {
            let path = vec![(at(decade), 0), (at(decade), bottom)];
            area.draw(&PathElement::new(path, INK.mix(0.2).stroke_width(1)))?;
            area.draw(&text(&time_tick(decade), (at(decade), bottom + 11), HPos::Center))?;
            decade *= 10.0;
        }
        for (row, wait) in waits.iter().enumerate() {
            let middle = 12 + row as i32 * ROW as i32;
            area.draw(&name(&wait.name, names, middle))?;
            if let Some(undisturbed) = wait.undisturbed {
                three_dots(area, undisturbed.map(at), middle + 5, INK.mix(0.45))?;
            }
            let lift = if wait.undisturbed.is_some() { 3 } else { 0 };
            three_dots(area, wait.waits.map(at), middle - lift, color(wait.color).to_rgba())?;
        }
        Ok(())
    })
}

/// A line for each server over what its figure grows with; both scales are
/// logarithmic.
pub(super) fn growth(
    label: &str,
    lines: &[Line],
    show_size: fn(f64) -> String,
    show: fn(f64) -> String,
) -> Outcome<String> {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let (left, right) = decades(points().map(|point| point.0));
    let (low, high) = decades(points().map(|point| point.1));
    const PLOT: u32 = 250;
    // With the mark and what is between them.
    let widest = names_width(lines.iter().map(|line| line.name.as_str())) + 14;
    let columns = (WIDTH as i32 / widest).clamp(1, 3) as usize;
    let legend_rows = lines.len().div_ceil(columns) as u32;
    draw(label, PLOT + legend_rows * 18 + 4, |area| {
        let (plot, legend) = area.split_vertically(PLOT);
        let mut chart = ChartBuilder::on(&plot)
            .margin_top(8)
            .margin_right(26)
            .x_label_area_size(22)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .y_labels(4)
            .axis_style(INK.mix(0.5))
            .bold_line_style(INK.mix(0.2))
            .light_line_style(INK.mix(0.06))
            .label_style(("sans-serif", TEXT).into_font().color(&INK))
            .x_label_formatter(&|size: &f64| show_size(*size))
            .y_label_formatter(&|figure: &f64| show(*figure))
            .draw()?;
        for line in lines {
            let style = color(line.color).stroke_width(2);
            chart.draw_series([PathElement::new(line.points.clone(), style)])?;
            let dots = line.points.iter();
            let dot = |&point| Circle::new(point, 3, color(line.color).filled());
            chart.draw_series(dots.map(dot))?;
        }
        for (index, line) in lines.iter().enumerate() {
            let (column, row) = ((index % columns) as i32, (index / columns) as i32);
            let (x, y) = (4 + column * (WIDTH as i32 / columns as i32), 4 + row * 18);
            let corners = [(x, y), (x + 12, y + 12)];
            legend.draw(&Rectangle::new(corners, color(line.color).filled()))?;
            legend.draw(&text(&line.name, (x + 17, y + 6), HPos::Left))?;
        }
        Ok(())
    })
}

/// The drawing as an element whose ink is that of the text around it.
fn draw(
    label: &str,
    height: u32,
    paint: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Outcome<String> {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, (WIDTH, height)).into_drawing_area();
        paint(&area).attempt(format!("cannot draw `{label}`"))?;
        area.present().attempt(format!("cannot draw `{label}`"))?;
    }
    let size = format!("width=\"{WIDTH}\" height=\"{height}\" ");
    let label = super::page::escaped(label);
    let role = format!("role=\"img\" aria-label=\"{label}\" ");
    Ok(drawn.replacen(&size, &role, 1).replace(INK_TEXT, "currentColor"))
}

/// The room that the longest of some names needs, and what is between it and a bar.
fn names_width<'a>(names: impl Iterator<Item = &'a str>) -> i32 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    (longest as i32 * LETTER + 16).clamp(80, 200)
}

fn name(name: &str, width: i32, middle: i32) -> Text<'static, (i32, i32), String> {
    text(name, (width - 8, middle), HPos::Right)
}

fn text(text: &str, at: (i32, i32), side: HPos) -> Text<'static, (i32, i32), String> {
    let style = ("sans-serif", TEXT).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    Text::new(text.to_owned(), at, style)
}

fn three_dots(
    area: &Area<'_>,
    at: [i32; 3],
    y: i32,
    color: RGBAColor,
) -> Result<(), Box<dyn std::error::Error>> {
    area.draw(&PathElement::new(vec![(at[0], y), (at[2], y)], color.stroke_width(2)))?;
    for x in at {
        area.draw(&Circle::new((x, y), 4, color.filled()))?;
    }
    Ok(())
}

/// The powers of ten around some figures, at least one decade apart.
fn decades(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 1.0_f64);
    for figure in figures {
        low = low.min(figure.max(1.0));
        high = high.max(figure);
    }
    let low = 10.0_f64.powf(low.min(high).log10().floor());
    (low, 10.0_f64.powf(high.log10().ceil()).max(low * 10.0))
}

/// A server's colour. All can be told from white and from black.
fn color(server: usize) -> RGBColor {
    const COLORS: [u32; 18] = [
        0x2F7DE1, 0xE07B00, 0xC94F7C, 0x1A9E8F, 0x84858A, 0x8E63D6, 0x5F9E3A, 0xB58900, 0xD1493B,
        0x4F8FB8, 0xA06B4E, 0xB05CB8, 0x6E8B3D, 0xD96BA0, 0x7A7FD0, 0x3FA66B, 0x8A6D8F, 0x9A8F5A,
    ];
    let [_, red, green, blue] = COLORS[server % COLORS.len()].to_be_bytes();
    RGBColor(red, green, blue)
}
