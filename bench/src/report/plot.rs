//! One plot for each work: bars of the rates, with the range of the repeats.

use std::fmt::Write;

use super::results::{Measured, Results};
use super::tables::number;
use crate::cell::Work;
use crate::sample::Spread;

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 18.0;
const HEADING: f64 = 30.0;

/// Returns the name and content of each plot's file.
pub(crate) fn all(results: &Results) -> Vec<(String, String)> {
    let mut works: Vec<Work> = results.cells.iter().map(|measured| measured.cell.work).collect();
    works.sort();
    works.dedup();
    works
        .into_iter()
        .map(|work| {
            let cells: Vec<_> =
                results.cells.iter().filter(|measured| measured.cell.work == work).collect();
            (format!("{}.svg", work.name()), plot(&cells, &results.conditions()))
        })
        .collect()
}

fn plot(cells: &[&Measured], conditions: &str) -> String {
    let mut body = String::new();
    let mut y = HEADING;
    for group in cells.chunk_by(|one, other| one.cell.title() == other.cell.title()) {
        // Each group has its own scale, because contenders are compared, not works.
        let spreads: Vec<Option<Spread>> =
            group.iter().map(|measured| measured.spread(|sample| Some(sample.rate))).collect();
        let most = spreads.iter().flatten().map(|spread| spread.max).fold(1.0, f64::max);
        if let Some(first) = group.first() {
            let _ = writeln!(
                body,
                r#"<text x="4" y="{y}" class="title">{}: per second</text>"#,
                first.cell.title()
            );
        }
        for (measured, spread) in group.iter().zip(spreads) {
            y += ROW;
            bar(&mut body, y, measured.cell.contender.name(), spread, most);
        }
        y += HEADING;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="12">
<style>.title {{ font-weight: bold }} .bar {{ fill: #4878a8 }} .own {{ fill: #d0682c }} .range {{ stroke: #222 }}</style>
<rect width="100%" height="100%" fill="#fff"/>
{body}<text x="4" y="{}" fill="#666">{conditions}</text>
</svg>
"##,
        y - 10.0
    )
}

fn bar(body: &mut String, y: f64, name: &str, spread: Option<Spread>, most: f64) {
    let _ = writeln!(body, r#"<text x="{}" y="{y}" text-anchor="end">{name}</text>"#, LEFT - 6.0);
    let Some(Spread { median, min, max }) = spread else { return };
    let x = |value: f64| LEFT + value / most * (WIDTH - LEFT - RIGHT);
    let class = if name.starts_with("grid") { "own" } else { "bar" };
    let (top, height, width, middle) = (y - 11.0, ROW - 5.0, x(median) - LEFT, y - 4.5);
    let _ = writeln!(
        body,
        r#"<rect class="{class}" x="{LEFT}" y="{top}" width="{width:.1}" height="{height}"/>"#
    );
    let _ = writeln!(
        body,
        r#"<line class="range" x1="{:.1}" x2="{:.1}" y1="{middle}" y2="{middle}"/>"#,
        x(min),
        x(max)
    );
    let _ = writeln!(body, r#"<text x="{:.1}" y="{y}">{}</text>"#, x(max) + 5.0, number(median));
}
