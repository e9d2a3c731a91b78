//! One SVG with the percentile curves of all series.
//!
//! Invariants: the file stands alone (no fonts, scripts or styles from elsewhere), and a curve ends
//! where fewer than ten samples lie beyond it. A series and its variant `NAME+...` share a colour;
//! the variant is dashed.

use std::fmt::Write as _;

use taut::latency::distribution::{TICKS_PER_HALF_DISTANCE, curve};

use super::scale::{LogScale, PERCENTILE_TICKS, short_time};
use super::summary::Summary;
use super::{Report, Unit};
use crate::harness::statistics::SAMPLES_BEYOND;

const WIDTH: f64 = 1180.0;
const HEIGHT: f64 = 600.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 800.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 532.0;

/// Told apart by colour-blind readers too (Okabe and Ito's palette, grey first for the floor).
const COLOURS: [&str; 8] =
    ["#555555", "#e69f00", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d1f"];
const TEXT: &str = "#222222";
const GRID: &str = "#e2e2e2";

/// One line of the chart.
struct Line<'a> {
    name: &'a str,
    colour: &'static str,
    dashed: bool,
    /// `1 / (1 - p)` and ns.
    points: Vec<(f64, f64)>,
    /// p50 and p99 in ns.
    figures: [Option<f64>; 2],
}

/// The whole file's text.
pub(crate) fn svg(report: &Report) -> Result<String, String> {
    let lines = lines(&report.series, report.unit)?;
    let title = format!("Taut {}: {}", report.workload, report.environment.measures);
    let subtitle = format!(
        "{} · {}",
        report.environment.cpu_model.as_deref().unwrap_or("unknown CPU"),
        report.environment.kernel.as_deref().unwrap_or("unknown kernel")
    );
    let points = || lines.iter().flat_map(|line| &line.points);
    let farthest = points().map(|point| point.0).fold(10.0, f64::max);
    let lowest = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let (lowest, highest) = if lowest.is_finite() { (lowest, highest) } else { (1e3, 1e6) };
    let x = LogScale::new((1.0, farthest), (LEFT, RIGHT));
    let y = LogScale::new((lowest * 0.9, highest * 1.1), (BOTTOM, TOP));

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"13\" fill=\"{TEXT}\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    text(&mut svg, (LEFT, 34.0), "start", "font-size=\"19\" font-weight=\"bold\"", &title);
    text(&mut svg, (LEFT, 56.0), "start", "fill=\"#666666\"", &subtitle);
    grid(&mut svg, &x, &y, farthest);
    for line in &lines {
        draw(&mut svg, line, &x, &y);
    }
    legend(&mut svg, &lines);
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn lines(series: &[Summary], unit: Unit) -> Result<Vec<Line<'_>>, String> {
    let mut families: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for one in series {
        let family = one.name.split('+').next().unwrap_or(&one.name);
        let known = families.iter().position(|&name| name == family);
        let index = known.unwrap_or(families.len());
        if known.is_none() {
            families.push(family);
        }
        let Some(histogram) = one.histogram() else { continue };
        let supported = (one.samples / SAMPLES_BEYOND) as f64;
        let nanoseconds = |value: u64| value as f64 / unit.in_one_nanosecond();
        let points: Vec<(f64, f64)> = curve(&histogram?, TICKS_PER_HALF_DISTANCE)
            .iter()
            .filter_map(|point| Some((point.one_in()?, nanoseconds(point.value))))
            .take_while(|&(one_in, _)| one_in <= supported)
            .collect();
        if !points.is_empty() {
            lines.push(Line {
                name: &one.name,
                colour: COLOURS[index % COLOURS.len()],
                dashed: family != one.name,
                points,
                figures: [one.p50, one.p99].map(|figure| figure.map(nanoseconds)),
            });
        }
    }
    Ok(lines)
}

fn grid(svg: &mut String, x: &LogScale, y: &LogScale, farthest: f64) {
    for value in y.ticks() {
        let pixel = y.pixel(value);
        rule(svg, (LEFT, pixel), (RIGHT, pixel));
        text(svg, (LEFT - 10.0, pixel + 4.5), "end", "", &short_time(value));
    }
    for (label, one_in) in PERCENTILE_TICKS {
        if one_in <= farthest * 1.001 {
            let pixel = x.pixel(one_in);
            rule(svg, (pixel, TOP), (pixel, BOTTOM));
            text(svg, (pixel, BOTTOM + 22.0), "middle", "", label);
        }
    }
    // Writing to a string can't fail, here and below.
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#888888\"/>"
    );
    let middle = f64::midpoint(LEFT, RIGHT);
    text(svg, (middle, BOTTOM + 48.0), "middle", "", "percentile of round trips");
}

fn draw(svg: &mut String, line: &Line<'_>, x: &LogScale, y: &LogScale) {
    let mut path = String::new();
    for &(one_in, nanoseconds) in &line.points {
        let _ = write!(path, "{:.1},{:.1} ", x.pixel(one_in), y.pixel(nanoseconds));
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" \
         stroke-linejoin=\"round\"{}/>",
        path.trim_end(),
        line.colour,
        dashes(line),
    );
}

/// Name, median and p99 of every line; the figures are absent where the samples are too few.
fn legend(svg: &mut String, lines: &[Line<'_>]) {
    let left = RIGHT + 28.0;
    let columns = [(WIDTH - 90.0, "p50"), (WIDTH - 20.0, "p99")];
    for (right, name) in columns {
        text(svg, (right, TOP - 10.0), "end", "fill=\"#666666\"", name);
    }
    for (row, line) in lines.iter().enumerate() {
        let height = TOP + 14.0 + row as f64 * 25.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{height}\" x2=\"{}\" y2=\"{height}\" stroke=\"{}\" \
             stroke-width=\"3\"{}/>",
            left + 34.0,
            line.colour,
            dashes(line),
        );
        text(svg, (left + 44.0, height + 4.5), "start", "", line.name);
        for ((right, _), figure) in columns.iter().zip(line.figures) {
            let figure = figure.map_or_else(|| "-".to_owned(), short_time);
            text(svg, (*right, height + 4.5), "end", "", &figure);
        }
    }
}

fn dashes(line: &Line<'_>) -> &'static str {
    if line.dashed { " stroke-dasharray=\"7 4\"" } else { "" }
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{GRID}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, attributes: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" {attributes}>{words}</text>",
        at.0, at.1
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    /// Every tag is closed in order, every attribute is quoted, and no `&` or `<` is left bare.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some(start) = rest.find('<') {
            assert!(!rest[..start].replace("&amp;", "").replace("&lt;", "").contains("& "));
            let end = start + rest[start..].find('>').expect("a tag that never ends");
            let tag = &rest[start + 1..end];
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "a coordinate is no number");
    }

    #[test]
    fn the_chart_is_well_formed_and_names_every_series() {
        let mut report = report(&["floor", "taut<&>", "floor+think"], 5_000);
        report.environment.measures = "64 B & more".to_owned();
        let svg = svg(&report).unwrap();
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains(">floor+think<") && svg.contains("taut&lt;&amp;&gt;"));
        assert_eq!(svg.matches("stroke-dasharray").count(), 2);
    }

    #[test]
    fn a_chart_without_samples_is_still_a_chart() {
        let svg = svg(&report(&["taut"], 0)).unwrap();
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<polyline").count(), 0);
    }

    #[test]
    fn a_curve_ends_where_ten_samples_lie_beyond_it() {
        let report = report(&["floor"], 1_000);
        let lines = lines(&report.series, report.unit).unwrap();
        let farthest = lines[0].points.last().unwrap().0;
        assert!((50.0..=100.0).contains(&farthest), "{farthest}");
    }
}
