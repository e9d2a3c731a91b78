//! Where the figures come from: host, features, versions of the subjects, and the commands.

use super::super::markup::{element, text_element};
use super::super::merge::Section;
use super::section::{part, status_badge};

pub(super) fn environment(section: &Section) -> String {
    let report = &section.report;
    let mut html = String::new();
    let about: Vec<(String, String)> = report
        .series
        .iter()
        .filter_map(|one| Some((one.name.clone(), one.about.clone()?)))
        .collect();
    if !about.is_empty() {
        html.push_str(&part("What was measured", &pairs(&about)));
    }
    html.push_str(&part("Environment", &pairs(&report.environment.rows())));
    let features = report.environment.feature_rows();
    if !features.is_empty() {
        html.push_str(&part("Features of the runtime", &pairs(&features)));
    }
    let notes = &report.environment.notes;
    if !notes.is_empty() {
        let items: String = notes.iter().map(|note| text_element("li", "", note)).collect();
        html.push_str(&part("Notes", &element("ul", "", &items)));
    }
    html + &part("Reproduce", &commands(section))
}

fn commands(section: &Section) -> String {
    if let [run] = section.runs.as_slice() {
        return text_element("pre", "", &run.command_line);
    }
    let runs = section.runs.iter().map(|run| {
        let about = text_element("span", "", &format!("{}, {} ", run.file, run.started_utc));
        let about = element("p", "class=\"faint\"", &(about + &status_badge(run.status)));
        about + &text_element("pre", "", &run.command_line)
    });
    runs.collect()
}

fn pairs(pairs: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        element("div", "", &(text_element("dt", "", name) + &text_element("dd", "", value))) + "\n"
    };
    element("dl", "class=\"pairs\"", &pairs.iter().map(row).collect::<String>())
}
