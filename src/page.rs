//! What the live page and a report are both made of: colours and cards, plots, and how numbers are said.
//!
//! The live page serves these as files of their own. A report has no files beside it: there [`one_script`] makes one of
//! several modules.

/// Colours, type, cards, tables, the plots' keys.
pub const BASE_CSS: &str = include_str!("page/base.css");

/// The mark of the program.
pub const ICON: &str = include_str!("page/icon.svg");

/// A module: how numbers are said.
pub const WORDS: &str = include_str!("page/words.js");

/// A module: what is plotted.
pub const PLANS: &str = include_str!("page/plans.js");

/// A module: a plot.
pub const PLOT: &str = include_str!("page/plot.js");

/// A module: where a browser reaches another listener of the same target.
pub const REACH: &str = include_str!("page/reach.js");

/// The library that draws them, a plain script, under its licence.
pub const UPLOT: &str =
    concat!("/*\n", include_str!("page/uplot/LICENSE"), "*/\n", include_str!("page/uplot/uPlot.iife.min.js"));

/// Its styles.
pub const UPLOT_CSS: &str = include_str!("page/uplot/uPlot.min.css");

/// Modules as one, each after those that it uses: what one imports from another is there already.
///
/// The modules are our own and written for it: an import takes one line and renames nothing, an export stands before
/// what is declared, and no two declare the same name.
#[must_use]
pub fn one_script(modules: &[&str]) -> String {
    let lines = modules.iter().flat_map(|module| module.lines());
    let kept = lines.filter(|line| !line.starts_with("import "));
    kept.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_script_neither_imports_nor_exports() {
        let script = one_script(&[
            "export const one = 1;\nconst two = one;",
            "// Why.\nimport { one } from './one.js';\none();",
        ]);
        assert_eq!(script, "const one = 1;\nconst two = one;\n// Why.\none();");
    }

    #[test]
    fn the_modules_are_written_for_it() {
        for module in [WORDS, PLANS, PLOT, REACH] {
            for line in module.lines().filter(|line| line.starts_with("import ")) {
                assert!(line.contains(" from './") && line.ends_with("';") && !line.contains(" as "), "{line}");
            }
            assert!(!module.contains("export default") && !module.contains("export {"), "{module}");
        }
    }
}
