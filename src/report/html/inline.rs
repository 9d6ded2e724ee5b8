//! What stands in the page instead of beside it: styles and scripts, and the policy that allows these and no others.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::page;

/// What is loaded without being asked for.
pub struct Inline {
    style: String,
    script: String,
}

impl Inline {
    /// All of it.
    pub fn new() -> Self {
        Self {
            style: [page::UPLOT_CSS, page::BASE_CSS, include_str!("../page/report.css")].join("\n"),
            script: page::one_script(&[
                page::WORDS,
                page::PLANS,
                page::PLOT,
                include_str!("../page/strip.js"),
                include_str!("../page/report.js"),
            ]),
        }
    }

    /// What a browser may do with the page: run and apply what stands here, by its hashes, and load nothing at all. So
    /// a text of the run that came to stand there as HTML, by a mistake of ours, would do nothing.
    pub fn policy(&self) -> String {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        format!(
            "default-src 'none'; style-src {}; script-src {} {}; img-src data:; base-uri 'none'; form-action 'none'",
            hash(&self.style),
            hash(page::UPLOT),
            hash(&self.script),
        )
    }

    /// The styles.
    pub fn style(&self) -> Markup {
        html! { style { (PreEscaped(&self.style)) } }
    }

    /// The scripts. A module runs when all of the page is there, and declares nothing outside of itself.
    pub fn scripts(&self) -> Markup {
        html! {
            script { (PreEscaped(page::UPLOT)) }
            script type="module" { (PreEscaped(&self.script)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_own_element() {
        let Inline { style, script } = Inline::new();
        for text in [&style, &script, page::UPLOT] {
            let text = text.to_lowercase();
            assert!(!text.contains("</s") && !text.contains("<!--") && !text.contains('\r'));
        }
        assert!(!style.contains("url("), "a style that loads something");
    }
}
