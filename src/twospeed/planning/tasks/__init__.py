"""Tasks whose truth a simulator knows: what is seen first, what is asked, how near one came."""
