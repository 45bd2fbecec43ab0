"""What a sweep says: the live table, the leaderboard, the plots."""
