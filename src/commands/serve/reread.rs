//! What HUP reads again: the profile.

use std::sync::Arc;

use super::database::RunDatabase;
use super::model::RunModel;
use super::worker_duty;
use crate::config::{Addresses, Config};
use crate::http;
use crate::mistake::Mistake;
use crate::profile::Profile;
use crate::scoreboard::{ROUTES, RouteTable, Scoreboard};
use crate::supervisor::{Renewed, Reread};
use crate::units::shown::{amount, float};
use crate::work::database::Trouble;

/// Resolves configuration and profile from what the program was started with, as things are now.
pub type Resolve = Box<dyn Fn() -> Result<(Config, Profile), Vec<Mistake>>>;

/// What the supervisor does on HUP before it replaces the workers. Of the configuration only what the profile's
/// `[limits]` decide can have changed; all of what a request may ask for comes to the new workers.
pub fn reread(
    config: &Config,
    profile: Arc<Profile>,
    resolve: Resolve,
    board: &Arc<Scoreboard>,
    addresses: Addresses,
    (database, model): (Option<Arc<RunDatabase>>, RunModel),
) -> Reread {
    let (mut config, mut profile, board) = (config.clone(), profile, Arc::clone(board));
    Box::new(move || {
        let (new_config, new_profile) = resolve().map_err(|mistakes| sentences(&mistakes))?;
        if new_profile == *profile && new_config == config {
            return Ok(None);
        }
        if let Some(sentence) = beyond_database(&config, &new_config, &new_profile, database.as_deref()) {
            return Err(vec![sentence]);
        }
        model.fits(&new_profile).map_err(|sentence| vec![sentence])?;
        let added = number_routes(&board, &new_profile).map_err(|sentence| vec![sentence])?;
        let faults = (new_profile.faults != profile.faults).then(|| new_profile.faults.clone());
        (config, profile) = (new_config, Arc::new(new_profile));
        let Profile { name, routes, .. } = &*profile;
        let detail =
            format!("{name}: {}, {added} of them with a new name", amount(float(routes.len() as u64), "route"));
        Ok(Some(Renewed {
            worker: worker_duty(&config, &profile, &addresses, database.as_deref(), &model),
            faults,
            detail,
        }))
    })
}

/// Why a profile can't be served with the database that the run has, or has not.
fn beyond_database(
    config: &Config,
    new_config: &Config,
    new_profile: &Profile,
    database: Option<&RunDatabase>,
) -> Option<String> {
    let Profile { name, .. } = new_profile;
    if new_profile.needs_database_server() && !database.is_some_and(RunDatabase::is_server) {
        return Some(format!("{name}: {}", Trouble::NoServer));
    }
    if database.is_none() && new_profile.needs_database() {
        return Some(format!("{name}: it has db steps, and this run has no database; restart to begin with one"));
    }
    let (rows, new_rows) = (config.db_rows.most, new_config.db_rows.most);
    (database.is_some() && rows != new_rows).then(|| {
        format!("{name}: db_rows {new_rows}: the database is filled with {rows}; restart for another number")
    })
}

fn sentences(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(Mistake::to_string).collect()
}

/// Gives numbers to the names that have none yet, before anybody can ask, and says how many there were. A number is
/// never taken back: a route that comes again finds its own.
///
/// # Errors
/// When the table has no room for all of them; then none gets a number.
pub fn number_routes(board: &Scoreboard, profile: &Profile) -> Result<usize, String> {
    let table = &board.head().routes;
    if table.is_empty() {
        let (_, unmatched) = http::UNMATCHED;
        table.append("", unmatched);
    }
    let routes = http::routes(profile);
    let new: Vec<_> = routes.iter().filter(|route| table.number(&route.method, &route.path).is_none()).collect();
    let (taken, wanted) = (table.len(), new.len());
    if taken + wanted > ROUTES {
        return Err(full(table, wanted));
    }
    for route in new {
        if table.append(&route.method, &route.path).is_none() {
            return Err(format!("{} {} has too long a name for the route table", route.method, route.path));
        }
    }
    Ok(wanted)
}

fn full(table: &RouteTable, wanted: usize) -> String {
    let taken = table.len();
    format!(
        "{wanted} new routes don't fit: {taken} of {ROUTES} names are taken, and one keeps its number for the whole run; restart to begin anew"
    )
}
