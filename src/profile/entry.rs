//! TOML values with their places: each is read as what it must be, or becomes a mistake, and reading goes on.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::place;
use crate::limit::Limit;
use crate::mistake::{Mistake, Place, Source};
use crate::spelling::did_you_mean;
use crate::units::{Bytes, Spelled, UnitError, parse_duration};

/// A text that is being read, and what was found wrong with it so far.
pub struct ProfileErrors<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<(usize, Mistake)>,
}

impl<'t> ProfileErrors<'t> {
    /// Nothing is wrong yet with `text`, which `file` names.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// All of them, from the top of the text.
    pub fn in_order(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, mistake)| mistake).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Where a key stands.
    pub fn source(&self, at: usize, key: String) -> Source {
        let (line, column) = place(self.text, at);
        Source::File(Place { file: self.file.to_owned(), line, column: Some(column), key: Some(key) }.into())
    }

    /// Line and column, to be named in a sentence about something else.
    pub fn place(&self, at: usize) -> String {
        let (line, column) = place(self.text, at);
        format!("line {line} column {column}")
    }

    /// A mistake that has been made a sentence elsewhere.
    pub fn take(&mut self, at: usize, mistake: Mistake) {
        self.found.push((at, mistake));
    }

    /// A mistake at a place, without a value to show.
    pub fn wrong(&mut self, at: usize, key: &str, allowed: impl Into<String>) {
        let source = self.source(at, key.to_owned());
        self.take(at, Mistake::at(source, None, allowed));
    }

    /// A value that is a mistake; it is shown, unless it is a whole table or a list.
    pub fn wrong_value(&mut self, entry: &Entry<'_>, wrong: impl Into<String>) {
        self.mistaken(entry, Mistake::at(Source::Part, None, wrong));
    }

    /// A mistake in a value, of whatever part of it.
    pub fn mistaken(&mut self, entry: &Entry<'_>, mistake: Mistake) {
        /// What is longer is cut: a sentence need not repeat a page.
        const SHOWN: usize = 80;
        let shown = match entry.value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => None,
            DeValue::String(text) => Some(text.chars().take(SHOWN).collect()),
            _ => Some(self.text.get(entry.value.span()).unwrap_or_default().chars().take(SHOWN).collect()),
        };
        let source = self.source(entry.at(), entry.key.clone());
        self.take(entry.at(), Mistake { source, value: shown, ..mistake });
    }

    fn wrong_type(&mut self, entry: &Entry<'_>, wanted: &str) {
        let kind = entry.value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
        self.wrong_value(entry, format!("must be {wanted}, not {article} {kind}"));
    }
}

/// A table of known keys.
pub struct Table<'t> {
    /// Where it stands, for what it lacks.
    pub span: Range<usize>,
    path: String,
    entries: &'t DeTable<'t>,
    /// Whether it has keys that are none: one of them may be what seems to be missing.
    has_unknown: bool,
}

impl<'t> Table<'t> {
    /// The table at `path`, empty for the whole text. Every key that is not in `known` is a mistake.
    pub fn open(
        path: &str,
        span: Range<usize>,
        entries: &'t DeTable<'t>,
        known: &[&str],
        errors: &mut ProfileErrors<'_>,
    ) -> Self {
        let mut table = Self { span, path: path.to_owned(), entries, has_unknown: false };
        for key in entries.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let question = did_you_mean(name, known.iter().copied());
            let hint = question.unwrap_or_else(|| format!("allowed here: {}", known.join(", ")));
            table.has_unknown = true;
            errors.wrong(key.span().start, &table.key(name), format!("there is no such key; {hint}"));
        }
        table
    }

    /// A key's value, if it was given.
    pub fn get(&self, name: &str) -> Option<Entry<'t>> {
        Some(Entry { key: self.key(name), value: self.entries.get(name)? })
    }

    /// The one of two keys that is there.
    pub fn one_of(
        &self,
        [one, other]: [&'static str; 2],
        errors: &mut ProfileErrors<'_>,
    ) -> Option<(&'static str, Entry<'t>)> {
        match (self.get(one), self.get(other)) {
            (Some(entry), None) => Some((one, entry)),
            (None, Some(entry)) => Some((other, entry)),
            (Some(_), Some(entry)) => {
                errors.wrong_value(&entry, format!("{one} and {other} can't be given together"));
                None
            }
            (None, None) => {
                self.lacks(one, &format!("give {one} or {other}"), errors);
                None
            }
        }
    }

    /// Every entry, in the order of the text.
    pub fn entries(&self) -> Vec<(&'t str, Range<usize>, Entry<'t>)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span(), Entry { key: self.key(key.get_ref()), value }))
            .collect();
        all.sort_by_key(|(_, span, _)| span.start);
        all
    }

    /// A value that must be there.
    pub fn needed(&self, name: &str, allowed: &str, errors: &mut ProfileErrors<'_>) -> Option<Entry<'t>> {
        let entry = self.get(name);
        if entry.is_none() {
            self.lacks(name, allowed, errors);
        }
        entry
    }

    /// Something is not there.
    pub fn lacks(&self, name: &str, allowed: &str, errors: &mut ProfileErrors<'_>) {
        if !self.has_unknown {
            errors.wrong(self.span.start, &self.key(name), format!("is missing: {allowed}"));
        }
    }

    /// The full name of one of its keys.
    pub fn key(&self, name: &str) -> String {
        full_name(&self.path, name)
    }
}

/// The full name of a key in the table at `path`, which is empty for the whole text.
pub fn full_name(path: &str, key: &str) -> String {
    // Quoted, a key may hold anything.
    let key = key.escape_debug();
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

/// One value.
#[derive(Clone)]
pub struct Entry<'t> {
    /// Its full name, such as `route.response.size`.
    pub key: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Entry<'t> {
    /// The value of this full name.
    pub fn new(key: String, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { key, value }
    }

    /// Where it begins.
    pub fn at(&self) -> usize {
        self.value.span().start
    }

    /// As the TOML library has it.
    pub fn value(&self) -> &'t Spanned<DeValue<'t>> {
        self.value
    }

    /// A key's value, if it is a table, or the value at a place, if it is a list.
    pub fn inside(&self, part: &str) -> Option<Self> {
        let (key, value) = match self.value.get_ref() {
            DeValue::Table(table) => (format!("{}.{part}", self.key), table.get(part)?),
            DeValue::Array(values) => (self.key.clone(), values.get(part.parse::<usize>().ok()?)?),
            _ => return None,
        };
        Some(Self { key, value })
    }

    /// A string.
    pub fn text(&self, errors: &mut ProfileErrors<'_>) -> Option<&'t str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            errors.wrong_type(self, "a string");
        }
        text
    }

    /// A name that the profile's author has chosen, such as a switch's.
    pub fn word(&self, errors: &mut ProfileErrors<'_>) -> Option<String> {
        const LONGEST: usize = 32;
        let text = self.text(errors)?;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_word = text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_plain);
        if is_word && text.len() <= LONGEST {
            return Some(text.to_owned());
        }
        let allowed = format!("must be up to {LONGEST} small letters, digits and _, beginning with a letter");
        errors.wrong_value(self, allowed);
        None
    }

    /// A whole number in a range; `whose` says what sets its end, as ` (--max-body 64MiB)`.
    pub fn whole(&self, range: &RangeInclusive<u64>, whose: &str, errors: &mut ProfileErrors<'_>) -> Option<u64> {
        let allowed = format!("{} to {}{whose}", range.start(), range.end());
        let DeValue::Integer(integer) = self.value.get_ref() else {
            errors.wrong_type(self, &format!("an integer from {allowed}"));
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix());
        let number = number.ok().filter(|number| range.contains(number));
        if number.is_none() {
            errors.wrong_value(self, format!("must be {allowed}"));
        }
        number
    }

    /// The text of a number in base ten, with a fraction or without, so that it can be read exactly. `nan` and `inf` are
    /// such numbers, too.
    pub fn decimal(&self) -> Option<&'t str> {
        match self.value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str()),
            DeValue::Float(float) => Some(float.as_str()),
            _ => None,
        }
    }

    /// A number, with a fraction or without, in a range.
    pub fn number(&self, range: &RangeInclusive<f64>, errors: &mut ProfileErrors<'_>) -> Option<f64> {
        let Some(text) = self.decimal() else {
            errors.wrong_type(self, &format!("a number from {} to {}", range.start(), range.end()));
            return None;
        };
        // NaN is in no range.
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            errors.wrong_value(self, format!("must be {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A number of milliseconds, up to a limit that has a flag.
    pub fn milliseconds(&self, limit: Limit<Duration>, errors: &mut ProfileErrors<'_>) -> Option<Duration> {
        let most = limit.most;
        let allowed = format!("0 to {}, in milliseconds ({})", most.as_secs_f64() * 1e3, limit.map(Spelled));
        let Some(text) = self.decimal() else {
            errors.wrong_type(self, &format!("a number from {allowed}"));
            return None;
        };
        // As a duration, it is read to the nanosecond or not at all.
        let time = parse_duration(&format!("{text}ms")).ok().filter(|time| *time <= most);
        if time.is_none() {
            errors.wrong_value(self, format!("must be {allowed}"));
        }
        time
    }

    /// A duration with its unit, in a range; `whose` says what sets its end.
    pub fn duration(
        &self,
        range: &RangeInclusive<Duration>,
        whose: &str,
        errors: &mut ProfileErrors<'_>,
    ) -> Option<Duration> {
        let allowed = format!("{} to {}{whose}", Spelled(*range.start()), Spelled(*range.end()));
        let Some(text) = self.value.get_ref().as_str() else {
            errors.wrong_type(self, &format!("a string such as \"200ms\", from {allowed}"));
            return None;
        };
        self.within(parse_duration(text), |duration| range.contains(duration), &allowed, errors)
    }

    /// A number of bytes, plain or with its unit, up to a limit that has a flag.
    pub fn bytes(&self, limit: Limit<Bytes>, errors: &mut ProfileErrors<'_>) -> Option<u64> {
        let allowed = format!("0 to {}{}", limit.most, limit.in_brackets());
        let text = match self.value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::String(text) => text,
            _ => {
                errors.wrong_type(self, &format!("an integer or a string such as \"64KiB\", from {allowed}"));
                return None;
            }
        };
        let bytes = self.within(text.parse(), |bytes| *bytes <= limit.most, &allowed, errors);
        bytes.map(|Bytes(bytes)| bytes)
    }

    /// What was read, if it could be and is allowed.
    fn within<T>(
        &self,
        read: Result<T, UnitError>,
        is_allowed: impl FnOnce(&T) -> bool,
        allowed: &str,
        errors: &mut ProfileErrors<'_>,
    ) -> Option<T> {
        let wrong = match read {
            Ok(value) if is_allowed(&value) => return Some(value),
            Ok(_) => format!("must be {allowed}"),
            Err(reason) => format!("{reason}; allowed is {allowed}"),
        };
        errors.wrong_value(self, wrong);
        None
    }

    /// A table of known keys.
    pub fn table(&self, known: &[&str], errors: &mut ProfileErrors<'_>) -> Option<Table<'t>> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            errors.wrong_type(self, &format!("a table of {}", known.join(", ")));
            return None;
        };
        Some(Table::open(&self.key, self.value.span(), entries, known, errors))
    }

    /// A table whose keys are its author's.
    pub fn open_table(&self, errors: &mut ProfileErrors<'_>) -> Option<Table<'t>> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            errors.wrong_type(self, "a table");
            return None;
        };
        Some(Table { span: self.value.span(), path: self.key.clone(), entries, has_unknown: false })
    }

    /// The values of a list.
    pub fn list(&self, errors: &mut ProfileErrors<'_>) -> Vec<Self> {
        let DeValue::Array(values) = self.value.get_ref() else {
            errors.wrong_type(self, "a list");
            return Vec::new();
        };
        values.iter().map(|value| Self { key: self.key.clone(), value }).collect()
    }

    /// The values of a list, or the one value that stands in its place.
    pub fn one_or_list(&self, errors: &mut ProfileErrors<'_>) -> Vec<Self> {
        match self.value.get_ref() {
            DeValue::Array(_) => self.list(errors),
            _ => vec![self.clone()],
        }
    }
}
