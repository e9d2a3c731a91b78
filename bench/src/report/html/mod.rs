//! The page: one file that needs nothing else, with a section for each workload.
//!
//! Invariants: no address of anything outside is in it, every figure is there without the script
//! (which only switches curves), and it is XML besides being HTML. Cost: about 10 KiB for each
//! series, and 1 KiB for each of its rounds.

mod curves;
mod environment;
mod figures;
mod overview;
mod ratios;
mod section;
mod spikes;
mod strip;
mod timeline;

use super::markup::text_element;
use super::merge::Section;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("legend.js");

/// The whole file's text.
pub(crate) fn page(sections: &[Section]) -> Result<String, String> {
    let title = match sections {
        [only] => format!("Taut {}", only.report.workload),
        _ => "Taut: measurements".to_owned(),
    };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta name=\"color-scheme\" content=\"light dark\"/>{}<style>\n{STYLE}</style></head>\
         <body><main>\n",
        text_element("title", "", &title)
    );
    if sections.len() != 1 {
        page.push_str(&overview::overview(sections));
    }
    for (place, one) in sections.iter().enumerate() {
        page.push_str(&section::section(one, place, sections.len() == 1)?);
    }
    page.push_str("</main><script>\n");
    page.push_str(SCRIPT);
    page.push_str("</script></body></html>\n");
    Ok(page)
}

/// A table that scrolls by itself where the window is narrower.
fn scrolling(class: &str, rows: &str) -> String {
    format!("<div class=\"scroll\"><table class=\"{class}\">\n{rows}</table></div>\n")
}

/// The name of a series behind a sample of its colour.
fn series_name(style: super::cast::Style, name: &str) -> String {
    format!(
        "<svg class=\"key\" width=\"22\" height=\"10\" viewBox=\"0 0 22 10\" aria-hidden=\"true\">\
         <line x1=\"0\" y1=\"5\" x2=\"22\" y2=\"5\" stroke-width=\"3\" {}/></svg>{}",
        style.stroke(),
        text_element("span", "class=\"name\"", name)
    )
}

#[cfg(test)]
mod tests;
