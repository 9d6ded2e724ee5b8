//! Requests, statuses and bytes.

use super::*;

#[test]
fn requests_at_the_end_are_those_that_can_have_been_in_flight() {
    let fewer = |count: u64| Account { answered: Some(10_000 - count), ended: Some(10_000 - count), ..account() };
    let (verdict, cause) = one(Topic::Requests, &fewer(10), &target());
    assert!(verdict == Verdict::Agrees && cause.contains("10 were answered"), "{cause}");
    differs(Topic::Requests, &fewer(11), &target(), "somebody else asked it too");
    let gave_up =
        |count| Account { failures: Some(vec![Failure::told("aborted due to deadline", count)]), ..fewer(3) };
    assert_eq!(one(Topic::Requests, &gave_up(3), &target()).0, Verdict::Agrees);
    differs(Topic::Requests, &gave_up(2), &target(), "gave up 2");
    // Written once a second.
    let locust = Account { ends_early_s: 1.5, ..fewer(1_510) };
    assert_eq!(one(Topic::Requests, &locust, &target()).0, Verdict::Agrees);
    let too_many = Account { answered: Some(10_001), ..account() };
    differs(Topic::Requests, &too_many, &target(), "that this target did not give");
    let rejected = Target { rejected: Some(1), ..target() };
    assert_eq!(one(Topic::Requests, &too_many, &rejected).0, Verdict::Agrees);
}

/// Of 10,000 answers and 3,000 connections turned away it has counted 12,990: which of both it lacks can't be told.
#[test]
fn fewer_of_a_status_may_be_among_those_that_were_not_counted() {
    let turned_away = Target { refused: Some(3_000), ..target() };
    let counted = |of_500: u64| Account {
        ended: Some(12_990),
        answered: Some(12_990),
        statuses: Statuses::Each([(200, 9_950), (500, of_500), (503, 3_000)].into()),
        ..account()
    };
    let of_500 = |account: &Account, target: &Target| {
        let checks = about(Topic::Status, account, target);
        checks.into_iter().find(|check| check.which == "500").map(|check| (check.verdict, check.cause)).unwrap()
    };
    let (verdict, cause) = of_500(&counted(40), &turned_away);
    assert_eq!(verdict, Verdict::Unknown);
    assert!(cause.starts_with("10 fewer: it counted 10 fewer than were answered"), "{cause}");
    assert_eq!(of_500(&counted(39), &turned_away).0, Verdict::Differs);
    // Where nobody was turned away, it is known what is missing.
    assert_eq!(
        of_500(&Account { ended: Some(10_000), answered: Some(10_000), ..counted(49) }, &target()).0,
        Verdict::Differs
    );
}

#[test]
fn statuses_and_bytes_are_held_against_each_other() {
    let other = Account { statuses: Statuses::Each([(200, 9_949), (500, 51)].into()), ..account() };
    let verdicts: Vec<_> = about(Topic::Status, &other, &target()).iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts, [Verdict::Differs, Verdict::Differs]);
    for statuses in [Statuses::CountFrom400(50), Statuses::From400([(500, 50)].into())] {
        assert_eq!(one(Topic::Status, &Account { statuses, ..account() }, &target()).0, Verdict::Agrees);
    }
    for (statuses, verdict) in [
        (Statuses::CountNot2xx(50), Verdict::Agrees),
        (Statuses::CountNot2xx(51), Verdict::Differs),
        (Statuses::FailedOrFrom400(50), Verdict::Agrees),
        (Statuses::FailedOrFrom400(49), Verdict::Differs),
        (Statuses::Classes([(2, 9_950), (3, 0), (5, 50)].into()), Verdict::Agrees),
        (Statuses::Classes([(2, 9_950), (4, 50), (5, 0)].into()), Verdict::Differs),
    ] {
        let account = Account { statuses, ..account() };
        let checks = about(Topic::Status, &account, &target());
        assert_eq!(
            checks.iter().any(|check| check.verdict == Verdict::Differs),
            verdict == Verdict::Differs,
            "{checks:#?}"
        );
    }
    differs(
        Topic::Status,
        &Account { statuses: Statuses::CountFrom400(49), ..account() },
        &target(),
        "changed answers",
    );
    differs(
        Topic::Bytes,
        &Account { bytes: Some(Bytes::Bodies(3_000_000)), ..account() },
        &target(),
        "compression",
    );
    let all = |bytes| Account { bytes: Some(Bytes::All { bytes, within: 5_000 }), ..account() };
    assert_eq!(one(Topic::Bytes, &all(1_996_000), &target()).0, Verdict::Agrees);
    differs(Topic::Bytes, &all(1_990_000), &target(), "changed answers");
}

#[test]
fn who_takes_a_part_of_an_answer_for_a_whole_one_counts_more_of_them() {
    let more = |by: u64| Account {
        ended: Some(10_000 + by),
        answered: Some(10_000 + by),
        statuses: Statuses::Each([(200, 9_950 + by), (500, 50)].into()),
        ..account()
    };
    let broken = Target { broken: Some(8), ..target() };
    let (verdict, cause) = one(Topic::Requests, &more(8), &broken);
    assert_eq!(verdict, Verdict::Agrees);
    assert!(cause.starts_with("the target broke off 8 answers"), "{cause}");
    assert!(about(Topic::Status, &more(8), &broken).iter().all(|check| check.verdict == Verdict::Agrees));
    assert_eq!(one(Topic::Requests, &more(9), &broken).0, Verdict::Differs);
    assert_eq!(about(Topic::Status, &more(9), &broken)[0].verdict, Verdict::Differs);
}

/// k6 has failures and answers from 400 on in one count; the target's column has nothing but what the target counted.
#[test]
fn what_one_has_more_is_no_figure_of_the_other() {
    let of = |ended: u64, failed: u64| Account {
        ended: Some(ended),
        answered: None,
        statuses: Statuses::FailedOrFrom400(failed),
        ..account()
    };
    for (ended, failed, verdict) in [
        (10_000, 50, Verdict::Agrees),
        (10_081, 50, Verdict::Agrees),
        (10_081, 131, Verdict::Agrees),
        (10_081, 90, Verdict::Agrees),
        (10_081, 132, Verdict::Differs),
        (10_081, 49, Verdict::Differs),
    ] {
        let check = about(Topic::Status, &of(ended, failed), &target()).remove(0);
        assert_eq!((check.verdict, &*check.ours), (verdict, "target: 50"), "{ended} {failed} {}", check.cause);
    }
}
