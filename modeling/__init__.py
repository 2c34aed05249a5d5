"""How the world model is built, trained, distilled and made small."""
