//! Where the control groups of a hierarchy are seen: `proc_pid_mountinfo(5)`.

use std::path::{Component, Path, PathBuf};

/// The mounts that this process sees.
pub struct Mounts(Vec<Mount>);

struct Mount {
    id: u64,
    /// What it is mounted on; not listed for the root, and for what is mounted outside of our root directory.
    parent: u64,
    /// Which part of its file system it shows.
    root: PathBuf,
    /// Where.
    place: PathBuf,
    kind: String,
    /// Those of the file system, with commas between: of version 1 they name the controllers.
    options: String,
}

impl Mounts {
    /// What can't be understood is left out.
    pub fn parse(mountinfo: &str) -> Self {
        Self(mountinfo.lines().filter_map(Mount::parse).collect())
    }

    /// The directories of a group and of those above it, from below, as the mount shows them that shows the most. `None` when
    /// no mount shows the group. `is_it` is told a file system's kind and options.
    pub fn upwards(&self, group: &Path, is_it: impl Fn(&str, &str) -> bool) -> Option<Vec<PathBuf>> {
        let seen = self.0.iter().filter(|mount| is_it(&mount.kind, &mount.options) && self.is_seen(mount));
        let showing = seen.filter_map(|mount| Some((mount, mount.shows(group)?)));
        let (mount, within) = showing.max_by_key(|(_, within)| within.components().count())?;
        Some(within.ancestors().map(|group| mount.place.join(group)).collect())
    }

    /// Whether its place leads to it, and not to a mount on top of it or of a directory above: walks down from the root as
    /// the kernel does, and goes over to each mount that stands on the one before.
    fn is_seen(&self, wanted: &Mount) -> bool {
        let is_listed = |id: u64| self.0.iter().any(|mount| mount.id == id);
        let mut at: Option<&Mount> = None;
        let mut above: Vec<&Path> = wanted.place.ancestors().collect();
        while let Some(place) = above.pop() {
            let stands_here = |mount: &&Mount| {
                mount.place == place
                    && at.map_or(!is_listed(mount.parent), |at| mount.parent == at.id && mount.id != at.id)
            };
            if let Some(next) = self.0.iter().find(stands_here) {
                at = Some(next);
                // There may be another one on top of it.
                above.push(place);
            }
        }
        at.is_some_and(|at| at.id == wanted.id)
    }
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ');
        let (id, parent, _device) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?);
        let (root, place) = (path(fields.next()?), path(fields.next()?));
        let (kind, rest) = file_system.split_once(' ')?;
        let options = rest.rsplit(' ').next()?;
        Some(Self { id, parent, root, place, kind: kind.to_owned(), options: options.to_owned() })
    }

    /// Where a group is below its place; `None` when it is outside of what is shown. A path out of a control-group namespace
    /// goes upwards first: `/../../other`.
    fn shows(&self, group: &Path) -> Option<PathBuf> {
        let within = group.strip_prefix(&self.root).ok()?;
        let is_below = within.components().all(|part| matches!(part, Component::Normal(_)));
        is_below.then(|| within.to_owned())
    }
}

/// The kernel writes space, tab, line end and backslash as `\` and three octal digits.
fn path(text: &str) -> PathBuf {
    let letters = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(letters.iter().fold(text.to_owned(), |text, (escaped, letter)| text.replace(escaped, letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "23 1 8:1 / / rw - ext4 /dev/sda rw\n";

    fn found(mounts: &str, group: &str) -> Option<Vec<String>> {
        let mounts = Mounts::parse(&(TOP.to_owned() + mounts));
        let found = mounts.upwards(Path::new(group), |kind, _| kind == "cgroup2")?;
        Some(found.iter().map(|group| group.to_string_lossy().trim_end_matches('/').to_owned()).collect())
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_is_unknown() {
        let part = "30 23 0:26 /a/b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(found(part, "/a/b/c").unwrap(), ["/sys/fs/cgroup/c", "/sys/fs/cgroup"]);
        assert_eq!(found(part, "/a/b").unwrap(), ["/sys/fs/cgroup"]);
        for outside in ["/", "/a", "/a/bc", "/other"] {
            assert_eq!(found(part, outside), None, "{outside}");
        }
        let of_namespace = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(found(of_namespace, "/../other"), None);
        // The mount was made outside of the namespace, and shows what is two groups above it.
        let of_above = "30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!((found(of_above, "/"), found(of_above, "/..")), (None, None));
        assert_eq!(found(of_above, "/../../x").unwrap(), ["/sys/fs/cgroup/x", "/sys/fs/cgroup"]);
    }

    #[test]
    fn the_mount_on_top_is_the_one_that_is_seen() {
        let below = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let on_top = "41 30 0:26 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let stacked = below.to_owned() + on_top;
        assert_eq!(found(&stacked, "/a/b").unwrap(), ["/sys/fs/cgroup/b", "/sys/fs/cgroup"]);
        assert_eq!(found(&stacked, "/c"), None, "the first shows it, and can't be seen");
        // Whatever their order, as lists before Linux 6.8 may have it.
        assert_eq!(found(&(on_top.to_owned() + below), "/c"), None);
        let hidden = below.to_owned() + "42 30 0:40 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n";
        assert_eq!(found(&hidden, "/a"), None);
        let hidden_above = below.to_owned() + "42 23 0:40 / /sys rw - tmpfs tmpfs rw\n";
        assert_eq!(found(&hidden_above, "/a"), None);
    }

    #[test]
    fn of_several_mounts_the_one_that_shows_the_most_is_taken() {
        let part = "30 23 0:26 /a /part rw - cgroup2 cgroup2 rw\n";
        let all = "31 23 0:26 / /mnt/all\\040groups rw,noexec shared:4 master:2 - cgroup2 none rw\n";
        let expected = ["/mnt/all groups/a/b", "/mnt/all groups/a", "/mnt/all groups"];
        assert_eq!(found(&(part.to_owned() + all), "/a/b").unwrap(), expected);
        assert_eq!(found("nonsense\n\n30 23\n", "/a"), None);
    }
}
