//! A table as a card; a wide one scrolls inside of it, a long one is shut at first.

use maud::{Markup, html};

use super::super::table::{Column, Table};

/// One of them.
pub fn card(table: &Table) -> Markup {
    let Table { name, title, columns, rows, note, is_long } = table;
    let body = html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                thead {
                    tr {
                        @for column in columns {
                            th scope="col" class=[column.is_number.then_some("n")] { (column.name) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in columns.iter().zip(row) {
                                td class=[class(*column, cell)] { (cell) }
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
            @if *is_long {
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
