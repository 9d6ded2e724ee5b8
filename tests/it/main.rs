//! The promises of quintain, each a file, tested on the real program: real processes, sockets and signals.
//!
//! `support` starts a target on free ports and talks to it. After every scenario the account is checked.

mod support;

mod addresses;
mod arrows;
mod bad_configuration;
mod bad_input;
mod bad_workload_input;
mod boot_failure;
mod broken_connections;
mod client_gone;
mod columns;
mod cpu_time;
mod delays;
mod descriptors;
mod exact_rates;
mod exact_work;
mod fault_plans;
mod frozen_listeners;
mod held_memory;
mod http_edges;
mod killed_worker;
mod live_figures;
mod live_page;
mod marks;
mod memory_refused;
mod modes_answer_alike;
mod modifiers;
mod more_or_less;
mod never_early;
mod observer_death;
mod openapi;
mod over_limits;
mod parent_death;
mod payloads;
mod profiles;
mod quantiles;
mod readme;
mod rejected;
mod rolling_restart;
mod routes_and_methods;
mod run_files;
mod second_instance;
mod stall_arithmetic;
mod standing_orders;
mod stats_and_admin;
mod statuses_and_delays;
mod stopped_worker;
mod termination;
mod unescaped;
mod unwritable_files;
mod uploads;
mod waiting_shows;
mod while_command;
mod without_times;
