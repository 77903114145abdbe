"""What stands between the network and the program: who may ask, from where, how much, how long."""
