"""What is known of runs without running them: the tables behind start, look, cancel and answer."""
