"""iCalendar and vCard as pure functions: no I/O, no clock, no SQL, no XML, no HTTP."""
