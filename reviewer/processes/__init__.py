"""The processes that run until they are stopped: web, worker, scheduler, and `serve`, which runs them all."""
