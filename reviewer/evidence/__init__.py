"""Static analysers, isolated, as findings at no token cost."""
