use super::*;
use tempfile::TempDir;

pub(super) const HYBRID_MEMBERSHIP: &str =
    "9:name=systemd:/\n8:pids:/\n4:memory:/api/57c9\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n";
pub(super) const HYBRID_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n\
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

/// Docker on version 1: the mount shows the container's group as its root, and the path is the host's.
const DOCKER_MEMBERSHIP: &str = "5:memory:/docker/3f2a\n4:cpu,cpuacct:/docker/3f2a\n";
const DOCKER_MOUNTS: &str = "\
700 690 0:33 /docker/3f2a /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n\
701 690 0:34 /docker/3f2a /sys/fs/cgroup/memory ro,nosuid master:17 - cgroup cgroup rw,memory\n";

pub(super) const SYSTEMD_MEMBERSHIP: &str = "0::/user.slice/user-1000.slice/run-1.scope\n";
pub(super) const SYSTEMD_MOUNTS: &str =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";

fn groups(membership: &str, mounts: &str, controller: &str) -> (Version, Vec<String>) {
    let found = Hierarchy::find(membership, &Mounts::parse(mounts), controller).unwrap();
    (
        found.version,
        found.groups.iter().map(|path| path.to_string_lossy().trim_end_matches('/').to_owned()).collect(),
    )
}

#[test]
fn groups_are_found_in_either_version() {
    let (version, found) = groups(HYBRID_MEMBERSHIP, HYBRID_MOUNTS, "memory");
    let expected = ["/sys/fs/cgroup/memory/api/57c9", "/sys/fs/cgroup/memory/api", "/sys/fs/cgroup/memory"];
    assert_eq!((version, found), (Version::One, expected.map(str::to_owned).to_vec()));
    assert_eq!(groups(HYBRID_MEMBERSHIP, HYBRID_MOUNTS, "cpu").1, ["/sys/fs/cgroup/cpu"]);
    assert_eq!(groups(DOCKER_MEMBERSHIP, DOCKER_MOUNTS, "cpu").1, ["/sys/fs/cgroup/cpu,cpuacct"]);
    assert_eq!(groups(DOCKER_MEMBERSHIP, DOCKER_MOUNTS, "memory").1, ["/sys/fs/cgroup/memory"]);
    let (version, found) = groups(SYSTEMD_MEMBERSHIP, SYSTEMD_MOUNTS, "cpu");
    assert_eq!((version, found.len()), (Version::Two, 4));
    assert_eq!(found[0], "/sys/fs/cgroup/user.slice/user-1000.slice/run-1.scope");
    let find = |membership, mounts| Hierarchy::find(membership, &Mounts::parse(mounts), "cpu");
    assert_eq!((find("", SYSTEMD_MOUNTS), find(SYSTEMD_MEMBERSHIP, "")), (None, None));
    // The controller is in version 1, and that is not mounted: what version 2 says is of other controllers.
    assert_eq!(find("1:cpu:/a\n0::/b\n", SYSTEMD_MOUNTS), None);
}

/// Files as a kernel of either version has them, in a directory, with one group below another.
fn files(version: Version, above: &[(&str, &str)], own: &[(&str, &str)]) -> (TempDir, CgroupFiles) {
    let directory = TempDir::new().unwrap();
    let group = directory.path().join("group");
    fs::create_dir(&group).unwrap();
    for (name, text) in above {
        fs::write(directory.path().join(name), text).unwrap();
    }
    for (name, text) in own {
        fs::write(group.join(name), text).unwrap();
    }
    let hierarchy = Some(Hierarchy { version, groups: vec![group, directory.path().to_owned()] });
    let mut files = CgroupFiles { cpu: hierarchy.clone(), memory: hierarchy, ..CgroupFiles::default() };
    files.read_limits();
    (directory, files)
}

#[test]
fn version_one_is_read() {
    let unlimited = [("cpu.cfs_quota_us", "-1\n"), ("cpu.cfs_period_us", "100000\n")];
    let own = [
        ("cpu.cfs_quota_us", "150000\n"),
        ("cpu.cfs_period_us", "100000\n"),
        ("cpu.stat", "nr_periods 12\nnr_throttled 3\nthrottled_time 4567890\nnr_bursts 0\nburst_time 0\n"),
        ("memory.usage_in_bytes", "978182144\n"),
        ("memory.limit_in_bytes", "9223372036854771712\n"),
    ];
    let (_directory, mut files) = files(Version::One, &unlimited, &own);
    let expected = Cgroup {
        quota_cores: MaybeKnown::known(1.5),
        throttled_ns: MaybeKnown::known(4_567_890),
        memory_bytes: MaybeKnown::known(978_182_144),
        memory_limit_bytes: MaybeKnown::UNKNOWN,
    };
    assert_eq!(files.read(), expected);
}

#[test]
fn version_two_is_read_and_the_tightest_limit_counts() {
    let above = [
        ("cpu.max", "50000 100000\n"),
        ("cpu.stat", "usage_usec 99\nnr_periods 7\nnr_throttled 1\nthrottled_usec 250\n"),
        ("memory.max", "1073741824\n"),
        ("memory.current", "4096\n"),
    ];
    let own = [
        ("cpu.max", "max 100000\n"),
        ("cpu.stat", "usage_usec 9\nuser_usec 5\nsystem_usec 4\n"),
        ("memory.max", "max\n"),
        ("memory.current", "1024\n"),
    ];
    let (directory, mut files) = files(Version::Two, &above, &own);
    let mut expected = Cgroup {
        quota_cores: MaybeKnown::known(0.5),
        throttled_ns: MaybeKnown::known(250_000),
        memory_bytes: MaybeKnown::known(4096),
        memory_limit_bytes: MaybeKnown::known(1 << 30),
    };
    assert_eq!(files.read(), expected);
    assert_eq!(files.cpu_max(), "50000 100000".to_owned().into());
    // Somebody gives the group itself less; and what is in use moves on.
    fs::write(directory.path().join("group/memory.max"), "65536\n").unwrap();
    fs::write(directory.path().join("group/memory.current"), "2048\n").unwrap();
    files.read_limits();
    (expected.memory_bytes, expected.memory_limit_bytes) = (2048.into(), 65_536.into());
    assert_eq!(files.read(), expected);
}

#[test]
fn the_root_of_version_two_has_no_figures_of_its_own() {
    let (_directory, mut files) = files(Version::Two, &[], &[("cpu.stat", "usage_usec 9\n")]);
    assert_eq!(files.read(), Cgroup::default());
    assert_eq!(files.cpu_max(), "max".to_owned().into());
    assert_eq!((CgroupFiles::default().read(), CgroupFiles::default().cpu_max()), Default::default());
}

#[test]
fn what_cannot_be_read_may_be_the_tightest_limit() {
    let own = [("cpu.max", "max 100000\n"), ("memory.max", "4096\n"), ("memory.current", "1024\n")];
    let (_directory, mut files) = files(Version::Two, &[("cpu.max", "?\n"), ("memory.max", "?\n")], &own);
    assert_eq!((files.read(), files.cpu_max()), Default::default());
}

#[test]
fn a_group_that_is_gone_has_no_figures() {
    let (directory, mut files) = files(Version::Two, &[("memory.max", "4096\n"), ("memory.current", "9\n")], &[]);
    assert_eq!(files.read().memory_limit_bytes, 4096.into());
    fs::remove_dir(directory.path().join("group")).unwrap();
    files.read_limits();
    assert_eq!(files.read(), Cgroup::default());
}

/// A system as a process in it sees it: its membership, its mounts, and the files of control groups.
pub(super) fn system(membership: &str, mounts: &str, files: &[(&str, &str)]) -> (TempDir, CgroupFiles) {
    let root = TempDir::new().unwrap();
    let of_self = [("proc/self/cgroup", membership), ("proc/self/mountinfo", mounts)];
    for (name, text) in of_self.iter().chain(files) {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let files = CgroupFiles::open_at(&Places::below(root.path()));
    (root, files)
}

/// The controllers are version 1's, and beside them stands a tree of version 2 that has none: its files must not count.
#[test]
fn on_a_hybrid_machine_version_one_is_read() {
    let (_root, mut found) = system(
        HYBRID_MEMBERSHIP,
        HYBRID_MOUNTS,
        &[
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu/cpu.stat", "nr_periods 9\nnr_throttled 4\nthrottled_time 1200\n"),
            ("sys/fs/cgroup/memory/api/57c9/memory.limit_in_bytes", "67108864\n"),
            ("sys/fs/cgroup/memory/api/57c9/memory.usage_in_bytes", "4096\n"),
            ("sys/fs/cgroup/memory/api/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/unified/cpu.max", "10000 100000\n"),
            ("sys/fs/cgroup/unified/memory.max", "1\n"),
        ],
    );
    let expected = Cgroup {
        quota_cores: 0.5.into(),
        throttled_ns: 1_200.into(),
        memory_bytes: 4_096.into(),
        memory_limit_bytes: (64 << 20).into(),
    };
    assert_eq!((found.read(), found.quota_cores()), (expected, Some(0.5).into()));
}

/// In a namespace of control groups, the container's own is `/`, and the mount shows it as its root.
#[test]
fn in_a_container_on_version_two_its_group_is_the_root() {
    let (_root, mut found) = system(
        "0::/\n",
        SYSTEMD_MOUNTS,
        &[
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 9\nnr_throttled 1\nthrottled_usec 7\n"),
            ("sys/fs/cgroup/memory.max", "67108864\n"),
            ("sys/fs/cgroup/memory.current", "8192\n"),
        ],
    );
    let expected = Cgroup {
        quota_cores: 1.5.into(),
        throttled_ns: 7_000.into(),
        memory_bytes: 8_192.into(),
        memory_limit_bytes: (64 << 20).into(),
    };
    assert_eq!((found.read(), found.cpu_max()), (expected, "150000 100000".to_owned().into()));
}

#[test]
fn without_files_of_control_groups_a_quota_is_unknown_and_not_none() {
    let (_root, found) = system(DOCKER_MEMBERSHIP, "", &[]);
    assert_eq!((found.quota_cores(), found.memory_limit_bytes()), Default::default());
    let (_root, found) = system("", "", &[]);
    assert_eq!(found.quota_cores(), MaybeKnown::UNKNOWN);
}
