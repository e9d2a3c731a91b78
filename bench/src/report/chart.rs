//! The `.svg` of a run: the percentile curves of all series, a panel for each variant.
//!
//! Invariant: the file stands alone, without fonts, scripts or styles from elsewhere. Series that
//! are not lit ([`cast`](super::cast)) stay in the background.

use std::fmt::Write as _;

use super::cast::Cast;
use super::curves::{Curves, HEIGHT, WIDTH};
use super::markup::{label, rule};
use super::scale::short_time;
use super::{Report, Unit};

const PAGE_WIDTH: f64 = 1200.0;
const MARGIN: f64 = 18.0;
const TITLE_HEIGHT: f64 = 64.0;
/// A panel's heading above its drawing.
const HEADING_HEIGHT: f64 = 30.0;
const PANEL_HEIGHT: f64 = HEADING_HEIGHT + HEIGHT;
/// Of the legend; closer where a panel has many lines.
const ROW_HEIGHT: f64 = 24.0;

/// The whole file's text.
pub(crate) fn svg(report: &Report) -> Result<String, String> {
    let cast = Cast::of(report);
    let panels = Curves::of(report, &cast)?;
    let height = TITLE_HEIGHT + PANEL_HEIGHT * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {PAGE_WIDTH} {height}\" \
         width=\"{PAGE_WIDTH}\" height=\"{height}\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"12\" fill=\"#222222\">\n\
         <rect width=\"{PAGE_WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let environment = &report.environment;
    let title = format!("Taut {}: {}", report.workload, environment.measures);
    let subtitle = format!(
        "{} · {}",
        environment.cpu_model.as_deref().unwrap_or("unknown CPU"),
        environment.kernel.as_deref().unwrap_or("unknown kernel")
    );
    label(&mut svg, (MARGIN, 30.0), "font-size=\"18\" font-weight=\"bold\"", &title);
    label(&mut svg, (MARGIN, 50.0), "fill=\"#666666\"", &subtitle);
    for (row, panel) in panels.iter().enumerate() {
        let top = TITLE_HEIGHT + PANEL_HEIGHT * row as f64;
        // Writing to a string can't fail, here and below.
        let _ = writeln!(svg, "<g transform=\"translate(0 {top})\">");
        label(&mut svg, (MARGIN, 18.0), "font-weight=\"bold\"", &panel.heading());
        let _ = writeln!(svg, "<g transform=\"translate(0 {HEADING_HEIGHT})\">{}", panel.draw());
        legend(&mut svg, panel, report.unit);
        svg.push_str("</g></g>\n");
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Name, median and p99 of every line; the figures are absent where the samples are too few.
fn legend(svg: &mut String, panel: &Curves<'_>, unit: Unit) {
    let columns = [PAGE_WIDTH - MARGIN - 66.0, PAGE_WIDTH - MARGIN];
    for (right, name) in columns.iter().zip(["p50", "p99"]) {
        label(svg, (*right, 12.0), "text-anchor=\"end\" fill=\"#666666\"", name);
    }
    let row_height = ROW_HEIGHT.min((HEIGHT - 24.0) / panel.lines.len().max(1) as f64);
    for (row, line) in panel.legend().enumerate() {
        let height = 30.0 + row as f64 * row_height;
        let (start, opacity) = (WIDTH + 14.0, if line.style.lit { 1.0 } else { 0.4 });
        let stroke =
            format!("{} stroke-width=\"3\" stroke-opacity=\"{opacity}\"", line.style.stroke());
        rule(svg, (start, height), (start + 30.0, height), &stroke);
        let fill = format!("fill-opacity=\"{}\"", if line.style.lit { 1.0 } else { 0.6 });
        label(svg, (start + 38.0, height + 4.0), &fill, &line.series.name);
        for (right, figure) in columns.iter().zip([line.series.p50, line.series.p99]) {
            let figure = figure.map(|figure| short_time(unit.nanoseconds(figure)));
            let figure = figure.unwrap_or_else(|| "-".to_owned());
            label(svg, (*right, height + 4.0), &format!("text-anchor=\"end\" {fill}"), &figure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::tests::assert_well_formed;
    use crate::report::tests::report;

    #[test]
    fn the_chart_is_well_formed_and_names_every_series() {
        let mut report = report(&["floor", "taut<&>", "floor+think"], 5_000);
        report.environment.measures = "64 B & more".to_owned();
        let svg = svg(&report).unwrap();
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains(">floor+think<") && svg.contains("taut&lt;&amp;&gt;"));
        assert!(svg.contains("percentile curves of the series +think"));
    }

    #[test]
    fn a_chart_without_samples_is_still_a_chart() {
        for names in [&["taut"][..], &[]] {
            let svg = svg(&report(names, 0)).unwrap();
            assert_well_formed(&svg);
            assert_eq!(svg.matches("<polyline").count(), 0);
        }
    }

    #[test]
    fn thirty_series_keep_their_rows_within_the_panel() {
        let names: Vec<String> = (0..30).map(|number| format!("peer{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let svg = svg(&report(&names, 1_000)).unwrap();
        assert_well_formed(&svg);
        assert_eq!(svg.matches("curve off").count(), 22);
        assert!(names.iter().all(|name| svg.contains(&format!(">{name}</text>"))));
    }
}
