"""One module and no process each, named after what they test; the rules of the house are `test_structure.py`."""
