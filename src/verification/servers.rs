//! A balancer's servers against the instances of the target: each server is an instance, and has its count.

use std::cmp::Ordering;

use super::{Check, OfInstance, Target, Topic, exact};
use crate::findings::Certainty;
use crate::generator::{Account, Served};

/// A line for each server that was asked, and for each instance that none of them is.
pub fn servers(account: &Account, target: &Target) -> Vec<Check> {
    if account.servers.is_empty() || target.instances.is_empty() {
        return Vec::new();
    }
    let mut instances: Vec<&OfInstance> = target.instances.iter().collect();
    let asked = account.servers.iter().filter(|server| server.answered > 0);
    // Those of a name first, then those of a count: a template numbers its servers as it finds them.
    let mut pairs: Vec<(&Served, Option<&OfInstance>)> = asked.map(|server| (server, None)).collect();
    let same: [fn(&Served, &OfInstance) -> bool; 3] = [
        |server, instance| server.name == instance.name,
        |server, instance| apart(server, instance) == Some(Ordering::Equal),
        |server, instance| is_explained(server, instance),
    ];
    for is_same in same {
        for (server, found) in pairs.iter_mut().filter(|(_, found)| found.is_none()) {
            if let Some(place) = instances.iter().position(|instance| is_same(server, instance)) {
                *found = Some(instances.remove(place));
            }
        }
    }
    let has_rest = !instances.is_empty();
    let mut checks: Vec<Check> =
        pairs.into_iter().map(|(server, found)| of_server(account, server, found, has_rest)).collect();
    for instance in instances.into_iter().filter(|instance| counted(instance) != Some(0)) {
        let check =
            Check::new(Topic::Servers, format!("{}: no server has this count", account.generator), ours(instance));
        checks.push(
            check
                .of(instance.name.as_str())
                .unknown("it was asked by others too, or is no server of this balancer, or shared a place there"),
        );
    }
    checks
}

/// What an instance has answered but for health checks.
fn counted(instance: &OfInstance) -> Option<u64> {
    instance.answered?.checked_sub(instance.probed)
}

fn apart(server: &Served, instance: &OfInstance) -> Option<Ordering> {
    Some(server.answered.cmp(&counted(instance)?))
}

/// Whether the end that the instance's files lack explains it.
fn is_explained(server: &Served, instance: &OfInstance) -> bool {
    let more = counted(instance).and_then(|counted| server.answered.checked_sub(counted));
    more.zip(instance.more).is_some_and(|(more, most)| more <= most)
}

fn ours(instance: &OfInstance) -> String {
    let OfInstance { name, probed, .. } = instance;
    match counted(instance) {
        Some(counted) => {
            format!("instance {name}: {} answered, {} health checks apart", exact(counted), exact(*probed))
        }
        None => format!("instance {name}: unknown"),
    }
}

fn of_server(account: &Account, server: &Served, found: Option<&OfInstance>, has_rest: bool) -> Check {
    let theirs = format!("{}: {} answered", account.generator, exact(server.answered));
    let Some(instance) = found else {
        let check = Check::new(Topic::Servers, theirs, "no instance here has this count").of(server.name.as_str());
        return if has_rest {
            check.unknown("several instances may have had this place one after the other, or others asked them too")
        } else {
            check.differs(Certainty::Likely, "the run of this instance is missing here: name its directory too")
        };
    };
    let check = Check::new(Topic::Servers, theirs, ours(instance)).of(server.name.as_str());
    match apart(server, instance) {
        None => check.unknown("what the instance has answered is not known"),
        Some(Ordering::Equal) => check.agrees("to the request"),
        Some(_) if is_explained(server, instance) => {
            check.agrees("the rest came after its last row: it did not end in order")
        }
        Some(Ordering::Less) => {
            check.differs(Certainty::Likely, "others asked it too, or the statistics are of an earlier moment")
        }
        Some(Ordering::Greater) => check.differs(
            Certainty::Likely,
            "the balancer had passed requests before this run, or another instance had its name",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Unit;
    use crate::verification::Verdict;

    fn instance(name: &str, answered: u64, more: Option<u64>) -> OfInstance {
        OfInstance { name: name.to_owned(), answered: Some(answered), probed: 10, more }
    }

    /// Verdicts and causes of servers with these counts, and these instances.
    fn checked(servers: &[(&str, u64)], instances: Vec<OfInstance>) -> Vec<(String, Verdict, String)> {
        let served = |(name, answered): &(&str, u64)| Served { name: (*name).to_owned(), answered: *answered };
        let account =
            Account { servers: servers.iter().map(served).collect(), ..Account::of("haproxy", Unit::Milliseconds) };
        let checks = super::servers(&account, &Target { instances, ..Target::default() });
        checks.into_iter().map(|check| (check.which, check.verdict, check.cause)).collect()
    }

    #[test]
    fn each_server_is_the_instance_of_its_name_or_count() {
        let found = checked(
            &[("web-1", 500), ("web-2", 300), ("web-3", 0), ("b", 70)],
            vec![instance("x", 310, None), instance("y", 510, None), instance("b", 80, None)],
        );
        assert!(found.len() == 3 && found.iter().all(|(_, verdict, _)| *verdict == Verdict::Agrees), "{found:?}");
    }

    #[test]
    fn an_instance_that_is_missing_is_missed_and_one_that_was_killed_is_explained() {
        let found = checked(&[("web-1", 500), ("web-2", 300)], vec![instance("x", 310, None)]);
        assert_eq!((&*found[0].0, found[0].1), ("web-1", Verdict::Differs));
        assert!(found[0].2.contains("missing here"), "{found:?}");
        let killed = |more| checked(&[("web-1", 500)], vec![instance("x", 470, Some(more))]);
        assert_eq!(killed(40)[0].1, Verdict::Agrees);
        assert_ne!(killed(39)[0].1, Verdict::Agrees);
    }
}
