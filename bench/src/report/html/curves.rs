//! The percentile curves with a legend that switches them, and what was promised.

use super::super::cast::Cast;
use super::super::curves::{Curves, HEIGHT, Line, WIDTH};
use super::super::markup::{element, escape, text_element};
use super::super::scale::precise_time;
use super::super::{Report, Unit};
use super::section::part;
use super::series_name;

pub(super) fn curves(report: &Report, cast: &Cast<'_>) -> Result<String, String> {
    let (drawn, empty): (Vec<_>, Vec<_>) =
        Curves::of(report, cast)?.into_iter().partition(|curves| !curves.lines.is_empty());
    let mut html = String::new();
    for curves in &drawn {
        let heading = match curves.variant {
            "" => "Percentile curves".to_owned(),
            variant => format!("Percentile curves, {variant}"),
        };
        html.push_str(&part(&heading, &chart(curves, report.unit)));
    }
    if drawn.is_empty() {
        let words = "No series has enough samples for a curve.";
        html.push_str(&part("Percentile curves", &text_element("p", "", words)));
    } else if !empty.is_empty() {
        let variants: Vec<&str> = empty.iter().map(|curves| curves.variant).collect();
        let words = format!("Without samples enough for a curve: {}.", variants.join(", "));
        html.push_str(&text_element("p", "class=\"faint\"", &words));
    }
    if !report.sla.is_empty() {
        let items: String = report
            .sla
            .iter()
            .map(|judged| {
                let class = if judged.kept { "class=\"kept\"" } else { "class=\"broken\"" };
                text_element("li", class, &judged.sentence(report.unit))
            })
            .collect();
        html.push_str(&part("Promises", &element("ul", "class=\"promises\"", &items)));
    }
    Ok(html)
}

fn chart(curves: &Curves<'_>, unit: Unit) -> String {
    let drawing = format!(
        "<div class=\"scroll\"><svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{}\">\n{}</svg></div>",
        escape(&curves.heading()),
        curves.draw()
    );
    let keys: String = curves.legend().map(|line| key(line, unit)).collect();
    format!(
        "<div class=\"chart\">{drawing}<div class=\"legend\">\
         <div class=\"keys-head\"><span>series</span><span>p50</span><span>p99</span></div>\
         {keys}<p class=\"faint hint\">Click a series to switch its curve.</p></div></div>\n"
    )
}

fn key(line: &Line<'_>, unit: Unit) -> String {
    let name = &line.series.name;
    let figures: String = [line.series.p50, line.series.p99]
        .map(|figure| figure.map_or_else(|| "-".to_owned(), |f| precise_time(unit.nanoseconds(f))))
        .iter()
        .map(|figure| text_element("span", "", figure))
        .collect();
    let attributes = format!(
        "type=\"button\" class=\"series-key\" data-series=\"{}\" aria-pressed=\"{}\"",
        escape(name),
        line.style.lit
    );
    let name = element("span", "", &series_name(line.style, name));
    element("button", &attributes, &format!("{name}{figures}"))
}
