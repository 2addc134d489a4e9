"""LeRobot datasets: notes, rows in Parquet, and pictures or videos."""
