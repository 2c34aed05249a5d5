"""Unreal Engine through UnrealCV's protocol: a client that recovers, a recorder, and the embedded world as such a server"""
