"""Other people's servers, re-enacted over real HTTP on this machine: what they answer, and what goes wrong there."""
