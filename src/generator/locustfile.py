

@functools.cache
def pictures():
    directory = pathlib.Path(os.environ.get("PICTURES", "pictures"))
    found = sorted(path for path in directory.glob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
    if not found:
        sys.exit(f"there is no JPEG or PNG in {directory}: `quintain sample-images {directory}` makes some, or set PICTURES to a directory")
    return found


# Name and value of every text and number in JSON.
def fields(json, name=None):
    if isinstance(json, dict):
        for name, value in json.items():
            yield from fields(value, name)
    elif isinstance(json, list):
        for value in json:
            yield from fields(value, name)
    elif isinstance(json, (str, int, float)):
        yield name, json


class Client(HttpUser):
    wait_time = between(*THINK)

    def on_start(self):
        self.known = {}
        if LOGIN:
            self.send(*LOGIN)

    @task
    def ask(self):
        if not budget.take():
            raise StopUser()
        [route] = random.choices(ROUTES, WEIGHTS)
        answer = self.send(*route)
        # The session has ended.
        if LOGIN and answer.status_code == 401:
            self.send(*LOGIN)
        budget.answered(self.environment)

    # A name in braces stands for the value that an answer to this user had under it, or else for a number.
    def send(self, method, path, data):
        def value(name):
            return quote(str(self.known.get(name[1], random.randrange(1, 1000))), safe="")

        files = None
        if data is PICTURE:
            picture = random.choice(pictures())
            data, files = None, {"image": (picture.name, picture.read_bytes())}
        answer = self.client.request(method, VARYING.sub(value, path), data=data, files=files, name=path)
        if NAMES and answer.headers.get("Content-Type", "").startswith("application/json"):
            try:
                self.known.update((name, value) for name, value in fields(answer.json()) if name in NAMES)
            except ValueError:
                pass
        return answer


# Said before the load begins, and not by each user.
if any(data is PICTURE for *_, data in ROUTES):
    pictures()


# How many requests this process may still send, and how many answers are to come; None has no end.
class Budget:
    def __init__(self, requests):
        self.left = self.open = requests

    def take(self):
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0

    def answered(self, environment):
        if self.open is None:
            return
        self.open -= 1
        if self.open == 0:
            done(environment)


budget = Budget(REQUESTS)


# All requests of this process are answered: a worker says so to its master.
def done(environment):
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message("answered")
    else:
        end_load()


# The next tick ends the load.
def end_load():
    mark("end")
    Stages.is_over = True


@events.init.add_listener
def listen(environment, **_):
    def take_share(environment, msg, **_):
        budget.__init__(msg.data)
        if msg.data == 0:
            done(environment)

    def count(environment, **_):
        environment.working -= 1
        if environment.working == 0:
            end_load()

    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message("requests", take_share)
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message("answered", count)


# A master shares the requests out among its workers.
@events.test_start.add_listener
def share_out(environment, **_):
    if REQUESTS is None or not isinstance(environment.runner, MasterRunner):
        return
    workers = [worker.id for worker in environment.runner.clients.ready]
    environment.working = len(workers)
    for number, worker in enumerate(workers):
        share = REQUESTS * (number + 1) // len(workers) - REQUESTS * number // len(workers)
        environment.runner.send_message("requests", share, client_id=worker)


# Where MARKS_AT is the URL of a target's admin listener, each stage is a phase of its run, and what comes after it is `end`.
def mark(phase):
    if "MARKS_AT" not in os.environ or phase == mark.last:
        return
    mark.last = phase
    text = json.dumps({"phase": phase}).encode()
    request = Request(os.environ["MARKS_AT"] + "/marks", text, {"Content-Type": "application/json"})
    try:
        urlopen(request).close()
    except OSError as error:
        logging.error("the phase %s can't be marked: %s", phase, error)


mark.last = None


@events.test_stop.add_listener
def end(environment, **_):
    if isinstance(environment.runner, WorkerRunner):
        return
    if STAGES:
        mark("end")
    # Locust writes its CSV files once a second, of what workers report every three, and not once more at its end.
    if environment.parsed_options.csv_prefix:
        gevent.sleep(4 if isinstance(environment.runner, MasterRunner) else 1.5)


# So long a user may take for what it is doing when the load is over.
PATIENCE_S = 60

if STAGES:

    class Stages(LoadTestShape):
        is_over = False

        def tick(self):
            if self.is_over:
                return None
            ends = 0
            for users, spawn_rate, seconds in STAGES:
                ends += seconds
                if self.get_run_time() < ends:
                    mark(f"{users} users")
                    return users, spawn_rate
            mark("end")
            # A load that is over ends its users at once, and a master waits for no last report. So they end before, each with
            # what it is doing, while reports are still sent.
            if self.get_current_user_count() > 0 and self.get_run_time() < ends + PATIENCE_S:
                return 0, max(users for users, *_ in STAGES)
            return None
