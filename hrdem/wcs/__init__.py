"""Web Coverage Services, version 1.1.1 (OGC 07-067r2): what they offer, give and refuse."""
