"""Users that ask for the paths in QUINTAIN_PATHS, with spaces between, each as often as the others.

For a profile's own routes: QUINTAIN_PATHS="/users/1 /orders".
"""

import os
import random

from locust import HttpUser, between, task

PATHS = os.environ.get("QUINTAIN_PATHS", "/health").split()


class User(HttpUser):
    wait_time = between(0.05, 0.15)

    @task
    def ask(self):
        path = random.choice(PATHS)
        self.client.get(path, name=path)
