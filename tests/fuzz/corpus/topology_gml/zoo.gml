graph [
 directed 0
 multigraph 1
 node [ id 0 label "A" Latitude 50 Longitude 8 ]
 node [ id 1 label "B" Latitude 51.0 Longitude 8.5 ]
 edge [ source 0 target 1 id "e0" LinkLabel "x" dist "80 km" ]
 edge [ source 0 target 1 id "e1" length 95.5 ]
]
