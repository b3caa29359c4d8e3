"""Rules and states as pure functions: a rule, numbers and a time in, a judgement and a state out.

No database, no clock, no Django. Workers and the backtest call the same functions.
"""
