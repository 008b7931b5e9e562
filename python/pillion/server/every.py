"""All routes of the API."""

from __future__ import annotations

from pillion.server import inventory, operations
from pillion.server.routes import Route

ROUTES: tuple[Route, ...] = (*operations.ROUTES, *inventory.ROUTES)
