//! One HTML page with everything a report says, that needs no other file.
//!
//! It has no script and fetches nothing. It follows the reader's choice of
//! light or dark and is as wide as its screen; only tables scroll sideways.

use std::fmt::Write as _;

use super::gallery::{self, Chart};
use super::grid::Grid;
use super::growth;
use super::judge::{Doubts, judge};
use super::model::{Family, Report, ServerInfo};
use super::words;
use crate::failure::Outcome;

/// The page of a report.
pub(super) fn of(report: &Report) -> Outcome<String> {
    let mut page = String::new();
    head(&mut page, report);
    page += "<h2 id=\"summary\">All scenarios</h2>\n";
    paragraph(&mut page, words::SUMMARY);
    grid(&mut page, &Grid::of_summary(report));
    let growing = growth::charts(report)?;
    if !growing.is_empty() {
        page += "<h2 id=\"growth\">How cost grows</h2>\n";
        charts(&mut page, &growing);
    }
    for scenario in &report.scenarios {
        let judged = judge(report, scenario);
        let name = escaped(&scenario.name);
        let _ = writeln!(page, "<h2 id=\"{name}\">{}</h2>", escaped(&scenario.title));
        charts(&mut page, &gallery::of_scenario(report, &judged)?);
        grid(&mut page, &Grid::of_scenario(&judged));
    }
    servers(&mut page, &report.servers);
    page += "</body>\n</html>\n";
    Ok(page)
}

/// Text that may stand in an element or in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            other => safe.push(other),
        }
    }
    safe
}

fn head(page: &mut String, report: &Report) {
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Switchboard, compared</title>\n<style>\n{}</style>\n</head>\n<body>\n\
         <h1>Switchboard, compared</h1>\n",
        include_str!("page.css")
    );
    page.push_str("<dl>\n");
    for (name, value) in words::circumstances(report) {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    page.push_str("</dl>\n");
    paragraph(page, &words::reliability(Doubts::about(report)));
    page.push_str("<nav>");
    for scenario in &report.scenarios {
        let name = escaped(&scenario.name);
        let _ = write!(page, "<a href=\"#{name}\">{name}</a> ");
    }
    page.push_str("<a href=\"#servers\">servers</a></nav>\n");
}

fn paragraph(page: &mut String, text: &str) {
    let _ = writeln!(page, "<p>{}</p>", escaped(text));
}

fn charts(page: &mut String, charts: &[Chart]) {
    page.push_str("<div class=\"charts\">\n");
    for chart in charts {
        let (title, svg) = (escaped(&chart.title), &chart.svg);
        let _ = writeln!(page, "<figure><figcaption>{title}</figcaption>\n{svg}</figure>");
    }
    page.push_str("</div>\n");
}

fn grid(page: &mut String, grid: &Grid) {
    table(page, "", &grid.header, &grid.rows);
    if !grid.notes.is_empty() {
        page.push_str("<ul class=\"notes\">\n");
        for note in &grid.notes {
            let _ = writeln!(page, "<li>{}</li>", escaped(note));
        }
        page.push_str("</ul>\n");
    }
}

fn table(page: &mut String, class: &str, header: &[String], rows: &[Vec<String>]) {
    let cells = |cells: &[String], tag: &str| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    let _ = write!(page, "<div class=\"wide\"><table class=\"{class}\">\n<thead><tr>");
    let _ = writeln!(page, "{}</tr></thead>\n<tbody>", cells(header, "th"));
    for row in rows {
        let _ = writeln!(page, "<tr>{}</tr>", cells(row, "td"));
    }
    page.push_str("</tbody></table></div>\n");
}

fn servers(page: &mut String, servers: &[ServerInfo]) {
    page.push_str("<h2 id=\"servers\">Servers</h2>\n");
    let (header, rows) = words::servers(servers);
    table(page, "words", &header, &rows);
    if servers.iter().any(|server| server.family == Family::Limit) {
        paragraph(page, words::LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_page_needs_no_other_file() {
        let page = of(&samples::report()).expect("it can be drawn");
        for reference in ["<script", "<link", "<img", "src=", "url(", "@import"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn what_a_machine_calls_itself_is_no_markup() {
        let page = of(&samples::report()).expect("it can be drawn");
        assert!(page.contains("A &lt;fast&gt; processor"));
        assert!(!page.contains("<fast>"));
    }

    #[test]
    fn who_is_absent_or_was_refused_is_named() {
        let page = of(&samples::report()).expect("it can be drawn");
        assert!(page.contains("missing is not installed"));
        assert!(page.contains("the limit of processes (4096)"));
    }
}
