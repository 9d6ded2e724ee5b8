//! The tables and their rows, the same in every database: they follow from the seed.

/// The version of the tables and rows, which a server keeps from run to run. Raised when either changes.
pub const VERSION: i64 = 1;

/// Prices are below this.
pub const PRICES: u64 = 10_000;

/// What a range's filter lets through: about half of the rows.
pub const FILTER: i64 = 5_000;

/// A statement for queries that find their rows by an index, and for those that don't.
pub struct ByIndex {
    indexed: &'static str,
    plain: &'static str,
}

impl ByIndex {
    /// The statement that finds its rows by the index, or the one that reads the whole table.
    #[must_use]
    pub fn sql(&self, is_indexed: bool) -> &'static str {
        if is_indexed { self.indexed } else { self.plain }
    }
}

/// Makes both statements of one text, in which `$key` is `id` or `code`: two columns with the same values.
macro_rules! by_index {
    ($before:literal, $after:literal) => {
        ByIndex { indexed: concat!($before, " WHERE id ", $after), plain: concat!($before, " WHERE code ", $after) }
    };
}

/// Price and name of one row.
pub const POINT: ByIndex = by_index!("SELECT price, name FROM quintain_items", "= $1");

/// Price and name of the rows from `$1` to `$2` whose price is at least `$3`.
pub const RANGE: ByIndex = by_index!("SELECT price, name FROM quintain_items", "BETWEEN $1 AND $2 AND price >= $3");

/// How many rows there are from `$1` to `$2`, and the sum of their prices.
pub const AGGREGATE: ByIndex =
    by_index!("SELECT count(*), CAST(coalesce(sum(price), 0) AS BIGINT) FROM quintain_items", "BETWEEN $1 AND $2");

/// Counts one more sale on each of the rows from `$1` to `$2`.
pub const UPDATE: ByIndex = by_index!("UPDATE quintain_items SET sold = sold + 1", "BETWEEN $1 AND $2");

/// Takes those of the rows from `$1` to `$2` that no other transaction holds.
pub const FREE: ByIndex = by_index!("SELECT id FROM quintain_items", "BETWEEN $1 AND $2 FOR UPDATE SKIP LOCKED");

/// Adds an order.
pub const INSERT: &str = "INSERT INTO quintain_orders (item, price, name) VALUES ($1, $2, $3)";

/// Removes the orders up to `$1`.
pub const REMOVE: &str = "DELETE FROM quintain_orders WHERE id <= $1";

/// Adds an item.
pub const FILL: &str = "INSERT INTO quintain_items (id, code, price, sold, name) VALUES ($1, $1, $2, 0, $3)";

/// The items. `code` is `id` without an index.
pub const ITEMS: &str = "CREATE TABLE quintain_items (id BIGINT NOT NULL, code BIGINT NOT NULL, \
                         price BIGINT NOT NULL, sold BIGINT NOT NULL, name TEXT NOT NULL";

/// The columns of the orders, but for their number.
pub const ORDERS: &str = "item BIGINT NOT NULL, price BIGINT NOT NULL, name TEXT NOT NULL)";

/// Price and name of a row.
#[must_use]
pub fn row(seed: u64, id: u64) -> (u64, String) {
    let price = mixed(seed ^ mixed(id)) % PRICES;
    (price, format!("{:016x}{:016x}", mixed(price ^ id), mixed(seed.wrapping_add(id))))
}

/// The first of the `rows` rows of the request with this index, so that its last row is at most `all`.
#[must_use]
pub fn first(seed: u64, index: u64, rows: u64, all: u64) -> u64 {
    let places = all.saturating_sub(rows) + 1;
    1 + mixed(seed.wrapping_add(mixed(index))) % places
}

/// A number that looks like no other's: the finalizer of `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_from_seed_and_number_alone() {
        assert_eq!(row(1, 7), row(1, 7));
        assert_ne!(row(1, 7), row(2, 7));
        let prices: Vec<u64> = (1..=1_000).map(|id| row(1, id).0).collect();
        assert!(prices.iter().all(|price| *price < PRICES));
        let passing = prices.iter().filter(|price| i64::try_from(**price).unwrap() >= FILTER).count();
        assert!((400..600).contains(&passing), "{passing} of 1,000 pass the filter");
    }

    #[test]
    fn every_place_with_enough_rows_behind_it_is_taken_and_no_other() {
        let mut seen = [0; 12];
        for index in 0..1_000 {
            seen[usize::try_from(first(1, index, 3, 10)).unwrap()] += 1;
        }
        assert!(seen[0] == 0 && seen[1..=8].iter().all(|times| *times > 0) && seen[9..] == [0; 3], "{seen:?}");
        assert_eq!((first(1, 5, 10, 10), first(1, 5, 0, 10) <= 11), (1, true));
    }
}
