"""The benchmark: every data set, every delay, beside trivial and published methods; false alarms; speed."""
