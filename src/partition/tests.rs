use super::*;
use proptest::prelude::*;

fn rates(parts: &[u64]) -> Vec<Rate> {
    parts.iter().map(|&parts| Rate::from_parts(parts).unwrap()).collect()
}

/// Up to six kinds whose rates sum to at most 1: very small ones, equal ones and a full whole among them.
fn kinds() -> impl Strategy<Value = Vec<u64>> {
    let one = prop_oneof![
        Just(0),
        Just(1),
        Just(3_000_000),
        Just(333_333_333),
        Just(WHOLE),
        0..=WHOLE,
        0..2_000_000_u64,
        0..=1_000_000_000_u64
    ];
    (proptest::collection::vec(one, 0..7), any::<bool>()).prop_map(|(mut parts, fill)| {
        let mut left = WHOLE;
        for part in &mut parts {
            *part = (*part).min(left);
            left -= *part;
        }
        if fill && let Some(last) = parts.last_mut() {
            *last += left;
        }
        parts
    })
}

/// Hits of each kind among `count` indices from `from` on.
fn count(partition: &Partition, kinds: usize, from: u64, count: u64) -> Vec<u64> {
    let mut hits = vec![0; kinds];
    for index in from..from + count {
        if let Some(kind) = partition.kind_at(index) {
            hits[kind] += 1;
        }
    }
    hits
}

/// |hits − n·parts/10⁹| in parts.
fn distance(hits: u64, n: u64, parts: u64) -> u128 {
    (u128::from(hits) * u128::from(WHOLE)).abs_diff(u128::from(n) * u128::from(parts))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn even_stays_within_one_and_each_kind_within_two(parts in kinds(), seed: u64) {
        let partition = Partition::new(Spacing::Even, seed, &rates(&parts)).unwrap();
        let sum: u64 = parts.iter().sum();
        let mut hits = vec![0; parts.len()];
        for index in 0..4_000 {
            if let Some(kind) = partition.kind_at(index) {
                hits[kind] += 1;
            }
            let n = index + 1;
            prop_assert!(distance(hits.iter().sum(), n, sum) <= u128::from(WHOLE), "sum after {n}: {hits:?}");
            for (hits, parts) in hits.iter().zip(&parts) {
                prop_assert!(distance(*hits, n, *parts) <= 2 * u128::from(WHOLE), "{hits} after {n} at {parts}");
            }
        }
    }

    #[test]
    fn even_goes_on_after_any_whole_round(parts in kinds(), rounds in 0_u64..18_000_000_000) {
        let partition = Partition::new(Spacing::Even, 0, &rates(&parts)).unwrap();
        for index in 0..200 {
            prop_assert_eq!(
                partition.kind_at(rounds * WHOLE + index).is_some(),
                partition.kind_at(index).is_some()
            );
        }
    }

    #[test]
    fn shuffled_is_exact_in_each_block(parts in kinds(), seed: u64, block in prop_oneof![0_u64..5, 0_u64..1 << 50]) {
        let partition = Partition::new(Spacing::Shuffled, seed, &rates(&parts)).unwrap();
        let hits = count(&partition, parts.len(), block * BLOCK, BLOCK);
        let upto = |block: u64, parts: u64| u128::from(block) * u128::from(parts) / 100_000;
        let mut left = BLOCK;
        for (hits, parts) in hits.iter().zip(&parts) {
            let planned = u64::try_from(upto(block + 1, *parts) - upto(block, *parts)).unwrap().min(left);
            prop_assert_eq!(*hits, planned);
            left -= planned;
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_another(seed: u64, parts in 10_000_000_u64..900_000_000) {
        for spacing in [Spacing::Shuffled, Spacing::Random] {
            let of = |seed| {
                let partition = Partition::new(spacing, seed, &rates(&[parts])).unwrap();
                (0..10_000).map(|index| partition.kind_at(index)).collect::<Vec<_>>()
            };
            prop_assert_eq!(of(seed), of(seed));
            prop_assert_ne!(of(seed), of(seed.wrapping_add(1)));
        }
    }

    #[test]
    fn the_last_indices_are_like_any_others(parts in kinds(), seed: u64) {
        for spacing in [Spacing::Even, Spacing::Shuffled, Spacing::Random] {
            let partition = Partition::new(spacing, seed, &rates(&parts)).unwrap();
            for index in [u64::MAX, u64::MAX - 1, u64::MAX / 2] {
                let _ = partition.kind_at(index);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_planned_is_what_there_is(parts in kinds(), seed: u64, n in 0_u64..25_000) {
        for spacing in [Spacing::Even, Spacing::Shuffled] {
            let partition = Partition::new(spacing, seed, &rates(&parts)).unwrap();
            prop_assert_eq!(partition.planned(n).unwrap(), count(&partition, parts.len(), 0, n));
        }
    }

    #[test]
    fn in_whole_rounds_as_much_is_planned_as_the_rates_say(parts in kinds(), rounds in 0_u64..20) {
        let expected: Vec<u64> = parts.iter().map(|parts| rounds * parts).collect();
        let planned = |spacing| Partition::new(spacing, 1, &rates(&parts)).unwrap().planned(rounds * WHOLE).unwrap();
        for (planned, expected) in planned(Spacing::Even).iter().zip(&expected) {
            prop_assert!(planned.abs_diff(*expected) <= 2);
        }
        let shuffled = planned(Spacing::Shuffled);
        if parts.iter().sum::<u64>() < WHOLE - 100_000 * parts.len() as u64 {
            prop_assert_eq!(shuffled, expected);
        } else {
            prop_assert!(shuffled.iter().zip(&expected).all(|(planned, expected)| planned <= expected));
        }
    }
}

#[test]
fn more_than_everything_is_refused() {
    let refused = Partition::new(Spacing::Even, 0, &rates(&[WHOLE, 1])).unwrap_err();
    let said = (refused.to_string(), TooMuch::ALLOWED);
    assert_eq!(said, ("the rates sum to 1.000000001".to_owned(), "at most 1"));
}

/// Within five standard deviations of n × rate; the seeds are fixed, so that it never fails by chance.
#[test]
fn random_has_about_its_rate_and_no_memory() {
    const N: u32 = 200_000;
    for seed in 0..3 {
        let (half, tenth) = (500_000_000, 100_000_000);
        let partition = Partition::new(Spacing::Random, seed, &rates(&[half, tenth])).unwrap();
        let kinds: Vec<_> = (0..u64::from(N)).map(|index| partition.kind_at(index)).collect();
        for (kind, rate) in [(Some(0), 0.5), (Some(1), 0.1), (None, 0.4)] {
            let close = |hits: usize, rate: f64| {
                let (hits, n) = (f64::from(u32::try_from(hits).unwrap()), f64::from(N));
                assert!((hits - n * rate).abs() < 5.0 * (n * rate * (1.0 - rate)).sqrt(), "{kind:?}: {hits}");
            };
            close(kinds.iter().filter(|&&found| found == kind).count(), rate);
            // And as often after itself as its rate squared: neighbours know nothing of each other.
            close(kinds.windows(2).filter(|pair| pair[0] == kind && pair[1] == kind).count(), rate * rate);
        }
    }
}

#[test]
fn even_and_shuffled_are_not_the_same_rhythm() {
    let rate = rates(&[3_000_000]);
    let victims = |spacing| {
        let partition = Partition::new(spacing, 7, &rate).unwrap();
        (0..BLOCK).filter(|&index| partition.kind_at(index).is_some()).collect::<Vec<_>>()
    };
    let even = victims(Spacing::Even);
    assert_eq!((even.len(), even[0], even[1]), (30, 166, 499));
    let shuffled = victims(Spacing::Shuffled);
    assert_eq!(shuffled.len(), 30);
    let gaps: std::collections::BTreeSet<u64> = shuffled.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() > 20, "no rhythm to lock on to: {shuffled:?}");
}
