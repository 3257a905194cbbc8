"""Pure planning: types, diff, guard, reconcile, errors. Standard library only."""
