//! The ratios as dots with whiskers around a line at 1.0, beside their numbers.

use super::super::Report;
use super::super::cast::{Cast, split, variants};
use super::super::columns::decimal;
use super::super::markup::{element, label, rule, text_element};
use super::super::ratios::Ratio;
use super::super::scale::LogScale;
use super::scrolling;

const WIDTH: f64 = 150.0;
const HEIGHT: f64 = 20.0;
const MARGIN: f64 = 9.0;
/// The axes reach to this factor at most, so that differences of a few per cent are seen beside
/// others of a hundredfold; what lies beyond is an arrow at the end.
const WIDEST: f64 = 4.0;

/// One row: all figures of a pair.
struct Pair<'a> {
    series: &'a str,
    to: &'a str,
    ratios: Vec<&'a Ratio>,
}

/// A column: one figure on an axis that all its rows share.
struct Axis<'a> {
    figure: &'a str,
    scale: LogScale,
    low: f64,
    high: f64,
}

pub(super) fn ratios(report: &Report, cast: &Cast<'_>) -> String {
    let axes = axes(&report.ratios);
    let pairs = pairs(&report.ratios);
    let mut html = "<p class=\"faint\">Each ratio is taken within a round; the dot is the median \
                    over the rounds, the whisker reaches from the lower to the upper quartile, an \
                    arrow points to what lies beyond the axis. Left of 1 is less than the series \
                    it is compared with.</p>\n"
        .to_owned();
    for variant in variants(&report.series) {
        let of_variant = |pair: &&Pair<'_>| split(pair.series).1 == variant;
        let is_lit = |pair: &&Pair<'_>| cast.style(pair.series).lit && cast.style(pair.to).lit;
        let (lit, others): (Vec<_>, Vec<_>) = pairs.iter().filter(of_variant).partition(is_lit);
        if !variant.is_empty() {
            html.push_str(&text_element("h4", "", variant));
        }
        html.push_str(&table(&lit, &axes));
        if !others.is_empty() {
            let summary = format!("{} more pairs {variant}", others.len());
            let summary = text_element("summary", "", summary.trim_end());
            html.push_str(&element("details", "", &(summary + &table(&others, &axes))));
        }
    }
    html
}

fn table(pairs: &[&Pair<'_>], axes: &[Axis<'_>]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let heads: String = axes
        .iter()
        .map(|axis| {
            let name = text_element("div", "", axis.figure);
            element("th", "colspan=\"2\"", &format!("{name}{}", axis.head()))
        })
        .collect();
    let head = format!("<thead><tr><th>series</th><th>to</th>{heads}</tr></thead>\n");
    let rows: String = pairs.iter().map(|pair| row(pair, axes)).collect();
    scrolling("ratios", &format!("{head}{}", element("tbody", "", &rows)))
}

fn row(pair: &Pair<'_>, axes: &[Axis<'_>]) -> String {
    let mut cells = text_element("td", "", pair.series) + &text_element("td", "", pair.to);
    for axis in axes {
        let ratio = pair.ratios.iter().find(|ratio| ratio.figure == axis.figure);
        let drawing = ratio.map(|ratio| axis.draw(ratio)).unwrap_or_default();
        cells.push_str(&element("td", "class=\"drawn\"", &drawing));
        let median = decimal(ratio.and_then(|ratio| ratio.median), 3);
        let spread = ratio.and_then(|ratio| ratio.low.zip(ratio.high)).map(|(low, high)| {
            let spread = format!(" {}-{}", decimal(Some(low), 3), decimal(Some(high), 3));
            text_element("span", "class=\"spread\"", &spread)
        });
        let median = text_element("b", "", &median);
        cells.push_str(&element("td", "", &(median + &spread.unwrap_or_default())));
    }
    element("tr", "", &cells) + "\n"
}

fn pairs(ratios: &[Ratio]) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for ratio in ratios {
        match pairs.iter_mut().find(|pair| pair.series == ratio.series && pair.to == ratio.to) {
            Some(pair) => pair.ratios.push(ratio),
            None => {
                pairs.push(Pair { series: &ratio.series, to: &ratio.to, ratios: vec![ratio] });
            }
        }
    }
    pairs
}

fn axes(ratios: &[Ratio]) -> Vec<Axis<'_>> {
    let mut axes: Vec<Axis<'_>> = Vec::new();
    for ratio in ratios {
        if axes.iter().any(|axis| axis.figure == ratio.figure) {
            continue;
        }
        let same = ratios.iter().filter(|one| one.figure == ratio.figure);
        let ends = same.flat_map(|one| [one.low, one.median, one.high]).flatten();
        let ends: Vec<f64> = ends.filter(|end| *end > 0.0).collect();
        // The line at 1 is always there, and differences of a few per cent fill no axis.
        let low = ends.iter().copied().fold(0.8, f64::min).max(1.0 / WIDEST);
        let high = ends.iter().copied().fold(1.25, f64::max).min(WIDEST);
        let scale = LogScale::new((low, high), (MARGIN, WIDTH - MARGIN));
        axes.push(Axis { figure: &ratio.figure, scale, low, high });
    }
    axes
}

impl Axis<'_> {
    fn svg(&self, content: &str) -> String {
        format!(
            "<svg class=\"ratio\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">{content}</svg>"
        )
    }

    /// The numbers of the axis: its ends and 1, where they don't touch.
    fn head(&self) -> String {
        let mut svg = String::new();
        let middle = self.scale.pixel(1.0);
        label(&mut svg, (middle, 14.0), "text-anchor=\"middle\" font-size=\"11\"", "1");
        let ends = [(self.low, MARGIN, "start"), (self.high, WIDTH - MARGIN, "end")];
        for (value, pixel, anchor) in ends {
            if (pixel - middle).abs() > 34.0 {
                let attributes =
                    format!("text-anchor=\"{anchor}\" font-size=\"11\" class=\"faint\"");
                label(&mut svg, (pixel, 14.0), &attributes, &decimal(Some(value), 2));
            }
        }
        self.svg(&svg)
    }

    fn draw(&self, ratio: &Ratio) -> String {
        let (mut svg, middle, one) = (String::new(), HEIGHT / 2.0, self.scale.pixel(1.0));
        rule(&mut svg, (one, 0.0), (one, HEIGHT), "class=\"one\" stroke=\"#888888\"");
        let at = |value: Option<f64>| {
            let value = value.filter(|value| *value > 0.0)?;
            Some(self.scale.pixel(value.clamp(self.low, self.high)))
        };
        if let (Some(low), Some(high)) = (at(ratio.low), at(ratio.high)) {
            let whisker = "class=\"whisker\" stroke=\"#0072b2\" stroke-width=\"2\"";
            rule(&mut svg, (low, middle), (high, middle), whisker);
            for end in [low, high] {
                rule(&mut svg, (end, middle - 3.5), (end, middle + 3.5), whisker);
            }
        }
        if let Some(median) = at(ratio.median) {
            svg.push_str(&self.mark(median, ratio.median.unwrap_or(1.0)));
        }
        self.svg(&svg)
    }

    /// A dot, or an arrow where the axis ends before the median.
    fn mark(&self, pixel: f64, median: f64) -> String {
        let (middle, away) = (HEIGHT / 2.0, if median > 1.0 { 7.0 } else { -7.0 });
        if (self.low..=self.high).contains(&median) {
            return format!(
                "<circle class=\"dot\" cx=\"{pixel:.1}\" cy=\"{middle}\" r=\"4\" \
                 fill=\"#0072b2\"/>"
            );
        }
        format!(
            "<path class=\"dot\" d=\"M{pixel:.1} {:.1}L{:.1} {middle}L{pixel:.1} {:.1}Z\" \
             fill=\"#0072b2\"/>",
            middle - 5.0,
            pixel + away,
            middle + 5.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(figure: &str, median: f64) -> Ratio {
        Ratio {
            series: "taut".to_owned(),
            to: "floor".to_owned(),
            figure: figure.to_owned(),
            median: Some(median),
            low: Some(median * 0.9),
            high: Some(median * 1.1),
        }
    }

    #[test]
    fn one_far_ratio_does_not_hide_the_near_ones() {
        let ratios = [ratio("p50", 1.05), ratio("p50", 180.0), ratio("p50", 0.001)];
        let axis = &axes(&ratios)[0];
        assert_eq!((axis.low, axis.high), (0.25, 4.0));
        let drawn = ratios.each_ref().map(|ratio| axis.draw(ratio));
        assert!(drawn[0].contains("<circle") && !drawn[0].contains("<path"));
        assert!(drawn[1].contains("L148.0") && drawn[2].contains("L2.0"), "{drawn:?}");
    }

    #[test]
    fn each_figure_has_its_own_axis_around_one() {
        let ratios = [ratio("p50", 1.05), ratio("p99", 1.3)];
        let axes = axes(&ratios);
        assert_eq!(axes.len(), 2);
        assert_eq!((axes[0].low, axes[0].high), (0.8, 1.25));
        assert!(axes.iter().all(|axis| axis.low < 1.0 && axis.high > 1.0));
    }
}
