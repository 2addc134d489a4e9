"""The fast weights: adapters, TEMP-LORA, memory files.

May import core and worldmodel.
"""
