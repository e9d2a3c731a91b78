//! The top of a page with several workloads: a line for each, which leads to its section.

use super::super::columns::ABSENT;
use super::super::headline::{Headline, Versus};
use super::super::markup::{element, escape, text_element};
use super::super::merge::Section;
use super::scrolling;
use super::section::{anchor, badge};

pub(super) fn overview(sections: &[Section]) -> String {
    let mut html = "<header><h1>Taut: measurements</h1>\n".to_owned();
    if sections.is_empty() {
        return html + "<p>There is no report.</p></header>\n";
    }
    let names: String = Headline::COLUMNS.map(|name| text_element("th", "", name)).concat();
    let head = format!("<thead><tr>{names}</tr></thead>\n");
    let rows: String =
        sections.iter().enumerate().map(|(place, section)| rows(section, place)).collect();
    html.push_str("<nav>");
    html.push_str(&scrolling("overview", &format!("{head}{}", element("tbody", "", &rows))));
    html.push_str("</nav>");
    html.push_str(&text_element("p", "class=\"faint\"", &Headline::explanation()));
    html + "</header>\n"
}

fn rows(section: &Section, place: usize) -> String {
    let report = &section.report;
    let row = |(number, headline): (usize, Headline)| {
        // The workload is named in its first line.
        let mut cells = if number > 0 {
            "<td></td><td></td><td></td>".to_owned()
        } else {
            let href = format!("href=\"#{}\"", anchor(place));
            element("td", "", &text_element("a", &href, &report.workload))
                + &text_element("td", "class=\"words\"", &report.environment.measures)
                + &element("td", "", &badge(section))
        };
        let series = if headline.series.is_empty() { ABSENT } else { &headline.series };
        cells.push_str(&text_element("td", "", series));
        for time in headline.times(report.unit) {
            cells.push_str(&text_element("td", "", &time));
        }
        for versus in headline.versus() {
            let title = versus.and_then(Versus::spread);
            let title = title.map(|spread| format!("title=\"{}\"", escape(&spread)));
            let words = versus.map_or_else(|| ABSENT.to_owned(), Versus::words);
            cells.push_str(&text_element("td", &title.unwrap_or_default(), &words));
        }
        element("tr", "", &cells) + "\n"
    };
    Headline::of(report).into_iter().enumerate().map(row).collect()
}
