use super::page;
use crate::report::Report;
use crate::report::markup::tests::assert_well_formed;
use crate::report::merge::{Input, Section};
use crate::report::spikes::tests::with_a_spike;
use crate::report::tests::{promised, report};

fn section(report: Report) -> Section {
    Section::of(Input::of_workload("run.json", report))
}

fn page_of(report: Report) -> String {
    let page = page(&[section(report)]).unwrap();
    assert_well_formed(&page);
    page
}

/// Where each of these first appears, in their order.
fn assert_in_order(page: &str, words: &[&str]) {
    let mut rest = page;
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word} is missing or out of order"));
        rest = &rest[at + word.len()..];
    }
}

#[test]
fn the_page_has_its_parts_in_order_and_names_every_series() {
    let mut report = report(&["floor", "taut", "floor+think", "taut+think"], 5_000);
    report.series[0].about = Some("raw calls".to_owned());
    report.environment.notes = vec!["a note".to_owned()];
    let page = page_of(report);
    assert_in_order(
        &page,
        &[
            "<h1><span>echo</span> <span class=\"badge warn\">warn</span>",
            ">RTT<",
            "<li>a reason</li>",
            ">Figures<",
            ">Percentile curves<",
            ">Percentile curves, +think<",
            ">Paired ratios<",
            ">Maximum per interval<",
            ">Intervals that stand out<",
            ">a table<",
            ">What was measured<",
            ">Environment<",
            ">Notes<",
            ">Reproduce<",
            "<script>",
        ],
    );
    for name in ["floor", "taut", "floor+think", "taut+think"] {
        assert!(page.contains(&format!("<span class=\"name\">{name}</span>")), "{name}");
        assert!(page.contains(&format!("class=\"curve on\" data-series=\"{name}\"")), "{name}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let page = page_of(report(&["floor", "taut"], 5_000));
    for outside in ["http:", "https:", "//cdn", "@import", "url(", "src=", "<link", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn what_comes_from_the_report_is_no_markup() {
    let mut report = report(&["taut<script>", "floor\"&"], 2_000);
    report.environment.command_line = "taut-bench --out '<a & b>'".to_owned();
    report.environment.measures = "<img src=x>".to_owned();
    report.reasons = vec!["</ul><b>".to_owned()];
    let page = page_of(report);
    assert!(page.contains("taut&lt;script&gt;") && page.contains("&lt;a &amp; b&gt;"));
    assert_eq!(page.matches("<script>").count(), 1, "ours");
}

#[test]
fn a_series_that_did_not_run_keeps_its_row_and_its_reason() {
    let mut report = report(&["floor", "asio"], 2_000);
    report.series[1] = crate::report::summary::Summary {
        name: "asio".to_owned(),
        unavailable: Some("no header <asio.hpp>".to_owned()),
        ..Default::default()
    };
    let page = page_of(report);
    assert!(page.contains("unavailable: no header &lt;asio.hpp&gt;"));
    assert!(page.contains("<span class=\"name\">asio</span>"));
}

#[test]
fn promises_have_their_line_and_their_sentence() {
    let mut report = report(&["taut"], 20_000);
    assert!(!page_of(report.clone()).contains("data-promise"));
    report.sla = vec![promised("taut", "p99", 100, 20_000, Some(30_000))];
    let page = page_of(report);
    assert!(page.contains("data-promise=\"taut\"") && page.contains("taut p99: broken"));
    assert!(
        page.contains("<li class=\"broken\">broken: p99 of taut is 30 us, promised 20 us</li>")
    );
}

#[test]
fn an_interval_that_stands_out_is_listed_with_its_cause() {
    let mut report = report(&["floor"], 2_000);
    report.series.push(with_a_spike("taut"));
    let page = page_of(report);
    assert!(page.contains("lost a core 7 times (usually 0)"));
    assert!(page.contains("<b>7</b>"));
}

#[test]
fn of_thirty_series_only_a_few_curves_are_on_and_all_can_be_switched() {
    let mut names: Vec<String> = ["floor", "taut"].map(str::to_owned).into();
    names.extend((0..28).map(|number| format!("peer{number}")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let page = page_of(report(&names, 2_000));
    assert_eq!(page.matches("class=\"curve on\"").count(), 4, "floor, taut and two peers");
    assert_eq!(page.matches("class=\"curve off\"").count(), 26);
    assert_eq!(page.matches("class=\"series-key\"").count(), 30);
    assert_eq!(page.matches("aria-pressed=\"true\"").count(), 4);
    assert!(page.contains("26 more series"), "their intervals are folded away");
}

#[test]
fn an_empty_report_is_still_a_page() {
    let page = page_of(report(&[], 0));
    assert!(page.contains("There are no series") && page.contains("No interval has a sample"));
    assert_well_formed(&super::page(&[]).unwrap());
}

#[test]
fn several_workloads_have_a_line_each_that_leads_to_their_section() {
    let mut other = report(&["taut"], 2_000);
    other.workload = "stream".to_owned();
    let sections = [section(report(&["floor", "taut"], 2_000)), section(other)];
    let page = page(&sections).unwrap();
    assert_well_formed(&page);
    assert_in_order(
        &page,
        &[
            "<nav>",
            "<a href=\"#section-1\">echo</a>",
            "p50 1.200 (floor)",
            "<a href=\"#section-2\">stream</a>",
            "</nav>",
            "<section id=\"section-1\">",
            "<section id=\"section-2\">",
        ],
    );
}

#[test]
fn a_damaged_histogram_is_an_error_that_names_its_series() {
    let mut report = report(&["taut"], 2_000);
    report.series[0].histogram = Some("AAAA".to_owned());
    let error = page(&[section(report)]).unwrap_err();
    assert!(error.starts_with("taut: "), "{error}");
}

#[test]
fn times_and_limits_of_zero_are_drawn_at_the_end_of_the_axis() {
    let mut report = report(&["taut"], 2_000);
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    histogram.record_n(0, 1_000).unwrap();
    histogram.record_n(5_000, 1_000).unwrap();
    report.series[0] = crate::report::summary::Summary {
        name: "taut".to_owned(),
        rounds: report.series[0].rounds.clone(),
        ..crate::report::summary::Summary::of(&histogram)
    };
    report.series[0].rounds[0].max = Some(0);
    report.sla = vec![promised("taut", "p99", 100, 0, Some(5_000))];
    page_of(report);
}
