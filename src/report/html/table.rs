//! A table as a card; a wide one scrolls inside of it, a long one is shut at first.

use maud::{Markup, html};

use super::super::spark::Sparks;
use super::super::table::{Column, Table};
use super::spark;

/// What has more rows than there are workers by default is long, whatever it is a table of.
const LONG: usize = 64;

/// One of them; where there are small lines for its rows, they stand beside the rows' names.
pub fn card(table: &Table, sparks: &[Sparks]) -> Markup {
    let Table { name, title, columns, rows, note, is_long } = table;
    let sparks = sparks.iter().find(|sparks| sparks.table == *name && sparks.most > 0.0);
    let body = html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                thead {
                    tr {
                        @for (place, column) in columns.iter().enumerate() {
                            th scope="col" class=[column.is_number.then_some("n")] { (column.name) }
                            @if place == 0 && sparks.is_some() { th scope="col" { "requests/s over time" } }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, (column, cell)) in columns.iter().zip(row).enumerate() {
                                td class=[class(*column, cell)] { (cell) }
                                @if let Some(sparks) = sparks.filter(|_| place == 0) {
                                    td { @if let Some(line) = sparks.of(cell) { (spark::picture(line, sparks)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(note) = note { p.print { (note) } }
    };
    html! {
        article id=(name) {
            @if *is_long || rows.len() > LONG {
                details { summary { h2 { (title) } small { (rows.len()) " rows" } } (body) }
            } @else {
                h2 { (title) }
                (body)
            }
        }
    }
}

/// Numbers to the right, and what should not be in red.
fn class(column: Column, cell: &str) -> Option<&'static str> {
    let is_nothing = ["–", "0", ""].contains(&cell);
    match (column.is_number, column.name) {
        (true, "errors" | "lost") if !is_nothing => Some("n wrong"),
        (true, _) if is_nothing => Some("n zero"),
        (true, _) => Some("n"),
        (false, _) => None,
    }
}
