"""Training of many networks of one architecture in a stack, with the same results as one by one."""
